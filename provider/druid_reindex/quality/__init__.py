"""Judges: is what was published what it was built from, and is it as the pipeline expects it to be?

In → out: a pipeline, what was measured before a batch's rebuild and what its files hold → what must hold of each chunk
(``expectations``); what Druid answers now, in counts (``facts``) → the batch's ``judge.Verdict`` with its findings. The
suite that Great Expectations runs over the whole batch comes from the same measures; its results are judged here too.
The same counts say what each segment's object holds (``holdings``), should somebody read it one day.
May import ``model`` and ``errors``; nothing here asks anybody anything.

What could not be read is a finding of its own: it does not pass. What it costs: only counts, sums and shares are
compared, so that two errors that cancel each other within one hour, column by column, are not seen; rows of files are
known by their number alone, so that a chunk that takes in files is held to bounds, where another is held to equality.
"""
