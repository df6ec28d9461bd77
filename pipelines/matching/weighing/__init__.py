"""What an agreement is worth, in bits.

Belongs here: the match model (`match_model`, `splink_settings`), weights from levels (`score`), and pairs on their way through
both (`weigh`, `pairs`). Not here: where a model comes from (`training`), what follows from a weight (`deciding`).
"""
