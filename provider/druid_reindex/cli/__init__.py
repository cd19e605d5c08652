"""The command line ``druid-reindex``: what a person does with pipelines and with the sandbox, without Airflow.

In → out: arguments and files in; text, JSON or YAML on standard output, what a person should know on standard error,
and an exit code (0 good, 1 something is wrong, 2 the command was misspelt). May import every room but ``operators``;
it alone may import ``sandbox``. What it costs: ``druid-reindex sandbox`` needs the package's extra ``sandbox``; no
other room may rely on anything in here, so what is worth reusing belongs below.
"""
