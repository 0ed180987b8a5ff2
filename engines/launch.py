"""Starts ministack, and ends it with whoever started it: when its input ends."""
import os
import runpy
import signal
import sys
import threading


def end_with_input():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


threading.Thread(target=end_with_input, daemon=True).start()
runpy.run_module("ministack", run_name="__main__")
