"""Where: vehicles to shards, from position and velocity; handover; links between vehicles."""
