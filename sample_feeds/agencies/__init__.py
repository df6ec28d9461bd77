"""The four synthetic agencies: what each has on file about the children, in the columns of its own feed.

Belongs here: one module per agency that turns children into rows of native columns, with that agency's habits. Not
here: the children (population.py), the passing of nights (world.py), files (writers.py).
"""
