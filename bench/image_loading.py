#!/usr/bin/python3
"""Images a second from JPEG files to normalized tensors: quantbench beside torchvision on the same files.

    bench/image_loading.py build/bench/bench/image_loading FOLDER [RESIZE [CROP]]

torchvision is that of Debian (python3-torchvision, PIL decodes): Resize, CenterCrop, ToTensor, Normalize,
with 0 and with 2 workers of a DataLoader. Rounds of both take turns; ratios are of medians. Where other
processes want the processor, only the ratio of CPU times says something.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import torch
import torchvision
from PIL import Image
from torchvision import transforms

ROUNDS = 5


class Folder(torch.utils.data.Dataset):
    def __init__(self, folder, resize, crop):
        self.files = sorted(p for p in pathlib.Path(folder).iterdir() if p.suffix in (".jpg", ".jpeg", ".png"))
        steps = [transforms.Resize(resize)] if resize else []
        steps += [transforms.CenterCrop(crop)] if crop else []
        steps += [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
        self.transform = transforms.Compose(steps)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        with Image.open(self.files[index]) as image:
            return self.transform(image.convert("RGB"))


def cpu_seconds():
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def torchvision_pass(folder, workers):
    """Images a second, and milliseconds of CPU time an image."""
    start, cpu = time.perf_counter(), cpu_seconds()
    # Samples singly: no time goes into stacking batches, as none does on the other side.
    loader = torch.utils.data.DataLoader(folder, batch_size=None, num_workers=workers)
    count = sum(1 for _ in loader)
    return count / (time.perf_counter() - start), (cpu_seconds() - cpu) * 1e3 / count


def quantbench_pass(program, path, resize, crop, threads):
    """The same; the start of the program is part of the CPU time."""
    cpu = cpu_seconds()
    command = [program, path, str(resize), str(crop), str(threads), "1"]
    speed, = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return speed, cpu_seconds() - cpu


def main():
    program, path = sys.argv[1], sys.argv[2]
    resize = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    crop = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    torch.set_num_threads(1)
    folder = Folder(path, resize, crop)
    print(f"{len(folder)} images, resize {resize}, crop {crop}, torchvision {torchvision.__version__}")
    for workers, threads in ((0, 1), (2, 2)):
        ours, theirs = [], []
        for _ in range(ROUNDS):
            theirs.append(torchvision_pass(folder, workers))
            speed, cpu = quantbench_pass(program, path, resize, crop, threads)
            ours.append((speed, cpu * 1e3 / len(folder)))
        (a, mine), (b, its) = ([statistics.median(column) for column in zip(*rounds)] for rounds in (ours, theirs))
        print(f"{threads} thread(s) / {workers} worker(s): quantbench {a:.0f} images/s, torchvision {b:.0f}, "
              f"ratio {a / b:.2f}; CPU {mine:.2f} and {its:.2f} ms an image, ratio {its / mine:.2f}", flush=True)


if __name__ == "__main__":
    main()
