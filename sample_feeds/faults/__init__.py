"""Faults put into deliveries on purpose, each with the outcome it must get.

Belongs here: damage to records (records.py) and to files and manifests (files.py), and which of it goes where
(plan.py).
Not here: ordinary imprecision of names and dates, which is legal (spelling.py).
"""

from sample_feeds.faults.plan import FaultPlan, FileFault, plan_for

__all__ = ["FaultPlan", "FileFault", "plan_for"]
