"""Images in and out: the one decoder that everything uses, the encoder of negatives, resizing, a perceptual hash."""

from negmine.images.codecs import decode_image, encode_jpeg
from negmine.images.perceptual_hash import perceptual_hash
from negmine.images.reading import read_image
from negmine.images.resizing import PAD, resize_without_stretching

__all__ = ["PAD", "decode_image", "encode_jpeg", "perceptual_hash", "read_image", "resize_without_stretching"]
