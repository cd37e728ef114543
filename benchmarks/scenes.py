"""How fast the drawn world is drawn: pictures per second of processor time on one core.

    python benchmarks/scenes.py [--count 6000] [--image-size 64]

Prints the rate of `render` alone, of `scenes()` with an empty cache (sampling, drawing, encoding
into the Image feature, writing, checksum), of `scenes()` with a filled one, and of
`images_as_array`.
"""

import argparse
import tempfile
import time

from vizkit.data import images_as_array, render, sample_scenes, scenes


# Processor time counts the work of every thread, so none can flatter these figures.
def rate(name: str, count: int, repeats: int, work) -> None:
    """Prints the best of several runs, in pictures per second of processor time."""
    best = float("inf")
    for repeat in range(repeats):
        start = time.process_time()
        work(repeat)
        best = min(best, time.process_time() - start)
    print(f"{name:<28}{count / best:>12,.0f} images/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--image-size", type=int, default=64)
    arguments = parser.parse_args()
    count, size = arguments.count, arguments.image_size
    with tempfile.TemporaryDirectory() as folder:
        where = {"image_size": size, "cache_dir": folder}
        table = sample_scenes(count)
        scenes(16, **where)  # imports and first-use tables are not drawing
        rate("render", count, 3, lambda _: render(table, size))
        rate("scenes(), cold cache", count, 3, lambda repeat: scenes(count, repeat, **where))
        rate("scenes(), warm cache", count, 3, lambda _: scenes(count, 0, **where))
        dataset = scenes(count, 0, **where)
        rate("images_as_array", count, 3, lambda _: images_as_array(dataset))


if __name__ == "__main__":
    main()
