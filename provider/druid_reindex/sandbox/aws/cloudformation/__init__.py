"""Deploys `emr_configs/cloudformation` into the emulated account, through moto's CloudFormation.

In: the templates that are shipped, and the parameters that a person would give. Out: the account, and the outputs that
DescribeStacks tells. moto resolves parameters, conditions and functions; each resource is made by a handler of ours, by
the AWS calls that CloudFormation itself would make, because moto's own handlers drop properties without a word
(a bucket's policy, its versioning, a key's tags). May import what `sandbox/aws` may.

`deploy.py` deploys the stacks in their order, `resources.py` registers handlers with moto, and the other modules are
the handlers: `keys`, `identities`, `storage`, `network`, `databases`, `watching`. `resources.NOT_KEPT` lists what the
templates say and this account does not tell again.

What it costs: some seconds at each start, most of them the import of moto's models. A type or a property without a
handler is refused by name. A stack is created and described; updating and deleting one are refused.
"""
