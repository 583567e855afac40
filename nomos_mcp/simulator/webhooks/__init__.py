"""Events out: signed deliveries to a receiver on this machine, repeated on the simulator's clock.

Loaded when it is asked for, not with the simulator: it brings the HTTP library.
"""
