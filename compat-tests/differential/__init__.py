"""Differential test: the same requests to a Java ZooKeeper and to Paddock.

Reading order: wire.py (bytes), world.py (one server, names instead of ids),
duo.py (both servers in step, and the comparison), deliberate.py (the
differences that are meant), cases_*.py with test_scripted.py, and random_run.py
with test_random.py.
"""
