"""The simulator's own handles, under `/_simulator/` and never mixed with the API: no token, no version, no faults.

Each route reads JSON, calls the method of `Simulator` of the same job, and writes JSON.
"""
