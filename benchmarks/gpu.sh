#!/usr/bin/env bash
# Does the GPU path work, and how fast is it? Under six minutes on a machine with an NVIDIA GPU; installs nothing.
#
#     benchmarks/gpu.sh
#     WEIGHTS=best.pt IMAGES=backgrounds/ IMGSZ=640 benchmarks/gpu.sh
#     benchmarks/gpu.sh --dry-run-cpu      every step at a tiny size on the CPU, to see that the script works
#
# It runs the tests marked `gpu`, scans 2,000 images, evaluates, retrains for one epoch, and prints the throughput beside
# that of `yolo predict` in the same run. Settings from the environment:
#     PYTHON    with negmine's dependencies; default .venv/bin/python where there is one, else python3
#     WEIGHTS   a .pt of Ultralytics; by default a small detector is trained on drawn images
#     IMAGES    a folder of backgrounds for the scan; by default 2,000 are drawn
#     IMGSZ     input size in pixels, default 640
#     OUT       an empty or new folder for logs and results; default a temporary one, which is removed
# Exit status: 0 all steps passed, 1 a step failed, 2 there is no NVIDIA GPU or the setup is wrong.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
dry=no
case "${1-}" in
    "") ;;
    --dry-run-cpu) dry=yes ;;
    *) echo "gpu.sh: unknown argument $1; expected nothing or --dry-run-cpu" >&2; exit 2 ;;
esac

python=${PYTHON:-}
if [ -z "$python" ]; then
    python=python3
    [ -x "$root/.venv/bin/python" ] && python=$root/.venv/bin/python
fi
total_s=350 slower=1  # for everything; a step gets its own limit or what is left

export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
if ! facts=$("$python" - 2>&1 <<'PY'
import sys
import torch, ultralytics
import negmine
gpu = torch.cuda.is_available()
print("yes" if gpu else "no")
print(f"python {sys.version.split()[0]}, torch {torch.__version__}, CUDA of torch {torch.version.cuda}, "
      f"ultralytics {ultralytics.__version__}, negmine {negmine.__version__}")
if gpu:
    about = torch.cuda.get_device_properties(0)
    print(f"card {about.name}, {about.total_memory / 2**30:.0f} GiB, compute capability {about.major}.{about.minor}")
PY
); then
    echo "gpu.sh: $python cannot import torch, ultralytics and negmine ($(tail -n 1 <<<"$facts")); set PYTHON" >&2
    exit 2
fi
facts=$(grep -A 2 -E '^(yes|no)$' <<<"$facts")  # without what imports print
if [ "$(head -n 1 <<<"$facts")" = no ] && [ "$dry" = no ]; then
    echo "gpu.sh: torch finds no NVIDIA GPU here; run it on a machine with one, or with --dry-run-cpu" >&2
    exit 2
fi

device=0 imgsz=${IMGSZ:-640} scanned=2000 train=200 epochs=12 mined=300
if [ "$dry" = yes ]; then
    device=cpu imgsz=${IMGSZ:-192} scanned=24 train=120 epochs=14 mined=24 total_s=1800 slower=6
fi
work=${OUT:-}
if [ -z "$work" ]; then
    work=$(mktemp -d -t negmine-gpu.XXXXXX)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
work=$(cd "$work" && pwd)
# nothing outside $work is written, nothing is fetched, nothing is reported
export XDG_CACHE_HOME=$work/cache YOLO_CONFIG_DIR=$work/ultralytics YOLO_AUTOINSTALL=false YOLO_OFFLINE=true
export HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE  # threads that wait do not spin, as in the command line
mkdir -p "$YOLO_CONFIG_DIR"

tail -n +2 <<<"$facts"
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | sed 's/^/driver: /' || true
fi

failed=0
step() {  # step NAME LIMIT_S COMMAND...: its output goes to $work/NAME.out and $work/NAME.log
    local name=$1 limit=$(($2 * slower)) left=$((total_s - SECONDS)) began=$SECONDS status=0
    shift 2
    [ "$left" -gt 0 ] || left=1
    [ "$limit" -lt "$left" ] || limit=$left
    timeout --kill-after=5 "$limit" "$@" >"$work/$name.out" 2>"$work/$name.log" || status=$?
    if [ "$status" = 0 ]; then
        printf '%-22s ok      %4d s\n' "$name" $((SECONDS - began))
        return
    fi
    failed=1
    [ "$status" != 124 ] || status="124, over $limit s"
    printf '%-22s FAILED  %4d s (status %s)\n' "$name" $((SECONDS - began)) "$status"
    cat "$work/$name.out" "$work/$name.log" | tail -n 15 | sed 's/^/    /'
}

if "$python" -c 'import pytest, pytest_timeout' 2>/dev/null; then
    step tests 100 "$python" -m pytest -q -p no:cacheprovider --rootdir "$root" -c "$root/pyproject.toml" -m gpu \
        "$root/tests/detectors/ultralytics/test_gpu.py"
    tail -n 1 "$work/tests.out"
else
    echo "tests                  skipped: pytest or pytest-timeout is not installed"
fi

cat >"$work/draw.py" <<'PY'
"""Draw images, or link given ones: WORK TRAIN SCANNED MINED [IMAGES]."""
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from negmine.demo.dataset import write_demo_dataset
from negmine.sources.expand import expand_sources

PART = min(100, int(sys.argv[3]))


def backgrounds(part: int) -> list[Path]:
    folder = Path(sys.argv[1]) / "drawn" / str(part)
    return sorted(write_demo_dataset(folder, seed=part + 1, train=1, val=1, backgrounds=PART).backgrounds.iterdir())


if __name__ == "__main__":
    work, (train, scanned, mined) = Path(sys.argv[1]), map(int, sys.argv[2:5])
    write_demo_dataset(work / "data", train=train, val=max(train // 4, 10), backgrounds=0)
    if len(sys.argv) > 5 and sys.argv[5]:
        images = [ref.path.absolute() for ref in expand_sources([sys.argv[5]])]
    else:
        with ProcessPoolExecutor() as pool:
            images = [path for part in pool.map(backgrounds, range(-(-scanned // PART))) for path in part]
    for name, count in (("scanned", scanned), ("mined", mined)):
        (work / name).mkdir()
        for number, image in enumerate(images[:count]):
            (work / name / f"{number:05d}{image.suffix}").symlink_to(image)
    print(f"{len(images[:scanned])} images to scan")
PY
cat >"$work/train.py" <<'PY'
"""Train the demo's small detector on the CPU: WORK EPOCHS."""
import sys
from pathlib import Path

from negmine.demo.training import train_demo_detector

print(train_demo_detector(Path(sys.argv[1]) / "data" / "data.yaml", Path(sys.argv[1]) / "run", epochs=int(sys.argv[2])))
PY
step draw 60 "$python" "$work/draw.py" "$work" "$train" "$scanned" "$mined" "${IMAGES:-}"
weights=${WEIGHTS:-$work/run/weights/last.pt}
[ -n "${WEIGHTS:-}" ] || step train 90 "$python" "$work/train.py" "$work" "$epochs"
if [ "$failed" = 1 ] && ! { [ -d "$work/scanned" ] && [ -f "$weights" ]; }; then
    echo "gpu.sh: without images and weights there is nothing to run" >&2
    exit 1
fi

negmine=("$python" -m negmine)
step scan 90 "${negmine[@]}" scan "$work/scanned" --weights "$weights" --imgsz "$imgsz" --device "$device" \
    --bank "$work/bank" --json
grep -h "half precision\|warning" "$work/scan.log" | sed 's/^/    /' || true
step yolo-predict 90 "$python" "$root/benchmarks/predictors.py" yolo "$weights" "$work/scanned" "$imgsz" \
    "$work/yolo" --device "$device"
step yolo-predict-batches 60 "$python" "$root/benchmarks/predictors.py" yolo "$weights" "$work/scanned" "$imgsz" \
    "$work/yolo-batches" --device "$device" --batch 16 --half
if [ -n "${WEIGHTS:-}" ]; then
    echo "eval, retrain          skipped: the drawn data has other classes than WEIGHTS"
else
    # at the size that the small detector was trained at: at another it finds little
    step eval 45 "${negmine[@]}" eval --weights "$weights" --data "$work/data/data.yaml" --backgrounds "$work/mined" \
        --device "$device" --json
    step retrain 100 "${negmine[@]}" retrain --weights "$weights" --data "$work/data/data.yaml" \
        --backgrounds "$work/mined" --rounds 1 --epochs 1 --device "$device" --out "$work/retrained" --json
fi

"$python" - "$work" <<'PY' || failed=1
"""Images per second of a scan and of `yolo predict`, from the first image to the last."""
import json
import sys
from pathlib import Path

work = Path(sys.argv[1])
print("\nimages per second, crops written, without the opening of the model:")


def show(name: str, images: float, seconds: float, note: str = "") -> None:
    print(f"  {name:34}{images / seconds:9.1f}   {images:.0f} images in {seconds:.1f} s{note}")


missing = False
try:
    document = json.loads((work / "scan.out").read_text())
    device = document["device"]
    about = f"; {device['backend']} on {device['name']}, at work {device['busy']:.0%} of the time"
    show("negmine scan", document["images"]["scanned"], document["seconds"], about)
except (OSError, ValueError, KeyError) as error:
    missing = True
    print(f"  negmine scan: no result ({error!r})")
for name, title in (("yolo-predict", "yolo predict"), ("yolo-predict-batches", "yolo predict batch=16, half")):
    try:
        document = json.loads((work / f"{name}.out").read_text().splitlines()[-1])
        show(title, document["images"], document["seconds"])
    except (OSError, ValueError, KeyError, IndexError, ZeroDivisionError) as error:
        missing = True
        print(f"  {title}: no result ({error!r})")
sys.exit(missing)
PY
printf 'all in %d s: %s\n' "$SECONDS" "$([ "$failed" = 0 ] && echo passed || echo FAILED)"
exit "$failed"
