"""Our matcher and Splink 5 side by side: the same records, the same machine, one run.

`python -m bench.matching` runs both engines, each as a process of its own, on every data set whose truth is known, and
prints what each reached beside the goals. Belongs here: measuring. Not here: anything that the product runs.
"""
