"""What is made, when, and what must hold: the Dagster code location. Thin: the logic is in `pipelines`."""

import warnings

from dagster import BetaWarning, PreviewWarning

# Dagster is pinned; what it calls beta (freshness policies, partitioned checks) is used knowingly
warnings.filterwarnings("ignore", category=BetaWarning)
warnings.filterwarnings("ignore", category=PreviewWarning)
