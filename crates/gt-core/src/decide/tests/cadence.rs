//! The original's cadence under `poke = "always"`: what a town's log would say.
