"""A machine that lives through the whole life of appointments, and checks after every step what must hold.

practice    a small practice around a change of the clock, its staff's hands, and its own truth in SQL
house       the agent at work in it: real folders and database, power cuts, rehearsals
partner     what a sane partner sends, keeps and believes
promises    what must hold, judged without the agent's rules
life        the rules of the machine: who may do what next
"""
