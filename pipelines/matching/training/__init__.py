"""Where a match model comes from, and whether it still fits.

Belongs here: making one with Splink (`train`, `fill_settings`, `splink_frame`, `splink_charts`), estimating one unattended
(`estimate`, `strangers`), and measuring records against the one in force (`drift`). No verdict on a pair is given here.
"""
