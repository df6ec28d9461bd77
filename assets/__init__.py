"""What is made, when, and what must hold: the Dagster code location. Thin: the logic is in `pipelines`."""

import warnings

# Dagster is pinned; what it calls beta (freshness policies, partitioned checks) is used knowingly. Told by its words and
# not by its class, since the command line comes through here and need not wait for Dagster.
warnings.filterwarnings("ignore", message=r".* is currently in (beta|preview), and may have breaking changes")
