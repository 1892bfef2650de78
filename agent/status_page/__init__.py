"""The status page: a small website by the daemon that says whether online booking works, and what to do.

    served       starts, renews and stops the server     server      uvicorn in a thread, with limits
    site         the pages and what may be done there    gate        the rules every request meets
    access       the token, sign-ins, forms              desk        what the site asks of the agent
    verdict      the one sentence at the top             wording     kinds, moments and numbers in words
    rendering    templates in two languages              charts      thirty days as numbers for a chart
    visitors     language, cookies, forms of a request   acts        sign-in, release, retry, discard
    static_files style, scripts, pictures                work        what blocks, beside the server's loop

It reads the board (`agent.board`) and lets an operator do what the command
line does too; no rule of the exchange lives here. It shows ids, counts, times
and the practice's own names, and nothing of any patient.
"""
