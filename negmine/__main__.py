"""`python -m negmine` is `negmine`."""

from negmine.cli import main

main()
