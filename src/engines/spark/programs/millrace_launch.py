"""Runs a PySpark script so that it ends as one: on SIGTERM the JVM that the script has started is ended first, and waited for.

    python3 millrace_launch.py SCRIPT [ARGUMENTS]

Python alone would be gone at once, and its JVM some seconds later: the next start could meet the last one's.
"""
import os
import runpy
import signal
import subprocess
import sys

WAIT_SECONDS_MAX = 15


def end(_number, _frame):
    pyspark = sys.modules.get("pyspark")
    gateway = getattr(getattr(pyspark, "SparkContext", None), "_gateway", None)
    jvm = getattr(gateway, "proc", None)
    if jvm is not None:
        jvm.terminate()
        try:
            jvm.wait(WAIT_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            jvm.kill()
    os._exit(128 + signal.SIGTERM)


signal.signal(signal.SIGTERM, end)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
runpy.run_path(sys.argv[0], run_name="__main__")
