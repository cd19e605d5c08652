"""The only room that talks to the network: Druid over HTTPS, EMR, S3 and Redshift through boto3.

In → out: the nouns of ``model`` in, the nouns of ``model`` out, and nothing but ``errors`` raised; each class
implements one Protocol of ``ports``. May import ``ports`` and everything below it, boto3 and httpx; never Airflow, so
that the command line uses the same clients as the operators.

``druid.py`` speaks to Overlord, Coordinator and Broker over ``druid_http.py``, which owns TLS, redirects and
repetition; ``druid_answers.py`` reads answers, ``druid_errors.py`` says what failures mean; ``task_failure.py`` finds a
failed task's real reason in its report and log; ``druid_versions.py`` is the one table of what differs between Druid's
releases. ``session.py`` makes the one boto3 session; ``emr.py``, ``s3.py`` and ``redshift.py`` use it;
``aws_errors.py``, ``emr_states.py`` and ``redshift_errors.py`` translate what AWS says. ``journal.py`` keeps what is
asked, by ``journal_aws.py``'s hook on sessions and ``journal_druid.py``; ``journal_files.py`` puts it into S3, where
``run_journals.py`` reads it, and what the steps of clusters have left beside it.
``openlineage.py`` puts lineage into the classes of OpenLineage's client, an extra, which Airflow's own provider sends;
elsewhere it sends by the transport that the environment names.
``reconciling.py`` lays a run beside what CloudTrail has delivered (``trail_sight.py``) and adds to its packs, with
what others wrote down of it (``witnessing.py``) in log files, which ``log_files.py`` reads line by line, and with what
``holdings.py`` finds in a night's records that the objects of its data hold.
``retire.py`` disposes of segments in Druid and S3, ``retirable.py`` of those that nights have replaced, and
``run_files.py`` of the files with rows that runs have left; ``withheld.py`` keeps which rows nights leave out.

What it costs: AWS's and Druid's answers are spelt a second time, so an attribute that ``model`` does not name is lost
here. A request is repeated only when its repetition cannot do something twice; an unanswered RunJobFlow or
AddJobFlowSteps is raised as NoAnswerError, and the caller looks by tag or name before it asks again.
"""
