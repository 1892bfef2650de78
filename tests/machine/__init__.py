"""A machine that lives through the whole life of appointments, and checks after every step what must hold.

practice    a small practice around a change of the clock, as every life begins
book        what staff write into its book, and what is true
house       the agent at work in it          paper    files open or sealed
power       power cuts and other things that come in between
partner     what a sane partner sends, keeps and believes
life        one life: each story, and what it promises
promises    what must hold always, and of every decision and file
answers     what each line of a bookings file must be answered
reckoning   the plain arithmetic of it
machine     the rules: who may act next, and what they may choose
"""
