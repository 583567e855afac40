"""Does an assistant answer correctly with this server? Questions, what a right answer holds, and who judges it.

`python -m evals run --model NAME` asks a model; `docs/evals.md` says how, and what the figures mean.
"""
