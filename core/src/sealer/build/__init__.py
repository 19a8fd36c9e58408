"""Building images: from a Kubefile, or from what other code of core says directly."""
