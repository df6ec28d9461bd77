"""Records as they are read: texts folded, names bundled, places taken apart, every field as integers.

Belongs here: what a record is, by itself (`written`, `fields`, `names`) and in the light of all others (`comparable`). Not
here: two records side by side (`comparing`).
"""
