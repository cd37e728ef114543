"""`python -m vizkit.zoo.carriers`: brings the weights of two real encoders into the local store."""

import sys

from vizkit.zoo.carriers import CARRIERS, bring


def main() -> None:
    """One line for each model; those that do not come do not keep the others from coming."""
    failed = False
    for carrier in CARRIERS:
        try:
            path = bring(carrier)
        except OSError as error:
            failed = True
            print(f"vizkit: timm/{carrier.model} is not here: {error}", file=sys.stderr)
        else:
            print(f"vizkit: timm/{carrier.model} is here: {path}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("vizkit: stopped. Nothing half-written is left; the same command starts again.")
