"""What outlives a tab: the jobs, their ledger, the finished clips, who pays.

It knows no widgets and no HTML.
"""
