"""Judging what was delivered: checks → places → elements → compile → across → judge, then rejects, measures.

A contract's rules are compiled to SQL (`compile`, from the definitions in `checks` and `identifiers`) and run over a whole
delivery at once (`judge`). `rejects` says how long a fault has stood, `measures` and `expectations` whether the night looks
like other nights, `preflight` what would become of a file. What a feed holds afterwards is for `pipelines.records`.
"""
