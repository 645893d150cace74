#!/usr/bin/env python3
"""Runs a study, kills it with SIGKILL at random moments, goes on each time, and compares with what an
undisturbed run records.

  bench/kill_and_resume.py STUDY.toml [--program build/release/quantbench] [--kills 20] [--work DIR]

Holds when, after all kills, the same cases have a record (their keys are hashes of all that determines
them), every record is whole, no file of a half-done step is left, no worker outlives its study, and no kill
cost more than the process that was running."""
import argparse
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time


def command(options, results):
    return [options.program, "run", str(options.study), "--results", str(results)]


def records(results):
    found = {}
    for path in sorted((results / "records").glob("*.json")):
        found[path.name] = json.loads(path.read_text())
    return found


def workers():
    """Processes that are somebody's worker and lost their parent."""
    lost = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            words = (stat.parent / "cmdline").read_bytes().split(b"\0")
            parent = stat.read_text().rsplit(")", 1)[1].split()[1]
        except OSError:
            continue
        lost += b"__worker" in words and parent == "1"
    return lost


def processes(record):
    arms = record["results"].get("arms") or []
    return max((len(arm.get("processes", [])) for arm in arms), default=0) if record["case"]["kind"] == "measure" else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=pathlib.Path)
    parser.add_argument("--program", default="build/release/quantbench")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/kill_and_resume"))
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    whole, killed = options.work / "whole", options.work / "killed"
    start = time.time()
    subprocess.run(command(options, whole), check=True, capture_output=True)
    undisturbed = time.time() - start
    print(f"undisturbed: {len(records(whole))} records in {undisturbed:.0f} s", flush=True)

    chance, kills, spent, resumed, lost = random.Random(options.seed), 0, 0.0, 0, 0
    while kills < options.kills:
        began = time.time()
        running = subprocess.Popen(command(options, killed), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            running.wait(chance.uniform(0.05, 2.2 * undisturbed / options.kills))
            words = running.stderr.read()
            spent += time.time() - began
            print(f"done after {kills} kills", flush=True)
            break
        except subprocess.TimeoutExpired:
            running.kill()
            words = running.communicate()[1]
        spent += time.time() - began
        kills += 1
        resumed += sum(int(n) for n in re.findall(r"(\d+) processes were measured before", words))
        time.sleep(0.3)
        lost += workers()
    began = time.time()
    last = subprocess.run(command(options, killed), capture_output=True, text=True)
    spent += time.time() - began
    print(f"{kills} kills, then: {last.stderr.strip().splitlines()[-1]}")
    before, after = records(whole), records(killed)
    left = [str(path) for path in killed.rglob("*") if ".tmp" in path.name or path.name == "unfinished"]
    same = set(before) == set(after)
    print(f"same records: {same} ({len(before)}, {len(after)}); left over: {left or 'nothing'}; workers that outlived "
          f"their study: {lost}")
    print(f"{spent:.0f} s with kills, {undisturbed:.0f} s without: {(spent - undisturbed) / max(1, kills):.1f} s a kill; "
          f"processes taken over from killed cells: {resumed}")
    sys.exit(0 if same and not left and lost == 0 and last.returncode == 0 else 1)


main()
