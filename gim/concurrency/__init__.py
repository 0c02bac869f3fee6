"""Building blocks of what runs over time: periodic jobs, pauses between attempts, joint waiting."""
