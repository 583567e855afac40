"""The commands, one file each: what a person types, and what an assistant starts.

Top floor: a command may use every room below, and no room knows a command. Loading a command's file must stay cheap,
because every start loads them all; what is heavy is imported by the function that runs.
"""
