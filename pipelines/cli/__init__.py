"""The commands that need no asset: one module per group, each a thin layer over the stages.

Belongs here: options, progress, tables on the screen, JSON for machines, exit codes. Not here: any decision about data,
commands that run assets, and where the console script enters (`assets.command`).
"""
