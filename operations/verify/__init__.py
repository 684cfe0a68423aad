"""`blueprint verify`: what runs, held against the plan. It reads, and changes nothing."""
