"""How long messages for the archive wait for others, and how many come at once at most.

Few large files are what S3, Athena and the bill like, and nobody waits for the archive. But what is wrong with a
station's message has to be told within ten seconds.
"""

BATCH = 1_000
FRAMES_WINDOW_S, STATIONS_WINDOW_S = 120, 5
