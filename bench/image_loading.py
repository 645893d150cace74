#!/usr/bin/python3
"""Images a second from JPEG files to normalized tensors: quantbench beside torchvision on the same files.

    bench/image_loading.py build/bench/bench/image_loading FOLDER [RESIZE [CROP]]

torchvision is that of Debian (python3-torchvision, PIL decodes): Resize, CenterCrop, ToTensor, Normalize,
with 0 and with 2 workers of a DataLoader. Rounds of both take turns; the ratio is of medians.
"""
import json
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


def torchvision_pass(folder, workers):
    start = time.perf_counter()
    # Samples singly: no time goes into stacking batches, as none does on the other side.
    loader = torch.utils.data.DataLoader(folder, batch_size=None, num_workers=workers)
    count = sum(1 for _ in loader)
    return count / (time.perf_counter() - start)


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
            command = [program, path, str(resize), str(crop), str(threads), "1"]
            ours += json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"{threads} thread(s) / {workers} worker(s): quantbench {a:.0f} images/s, "
              f"torchvision {b:.0f} images/s, ratio {a / b:.2f}")


if __name__ == "__main__":
    main()
