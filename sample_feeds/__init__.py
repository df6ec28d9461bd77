"""Synthetic agencies: sample nights of health, education, police and social care feeds, with known truth.

Belongs here: the generator and a few small ready-made nights (nights/). Not here: anything the product needs to load a
night; it reads these feeds as it would read anybody's. Every child, address and identifier is invented.
"""

from sample_feeds.deliveries import Delivery, Wave, waves_of
from sample_feeds.demo import make_demo
from sample_feeds.faults import FaultPlan, FileFault
from sample_feeds.nights import make_nights
from sample_feeds.people import people_table, write_people

__all__ = [
    "Delivery",
    "FaultPlan",
    "FileFault",
    "Wave",
    "make_demo",
    "make_nights",
    "people_table",
    "waves_of",
    "write_people",
]
