"""Frees stake when it is stuck: when, what, at most how often. Pure, and without freqtrade.

``policy`` says whether, ``plan`` says what, ``attempts`` remembers, ``waiting`` counts the time
in between, ``early_warning`` looks ahead, ``words`` says it. Once per loop
``integration.live_rebalance`` (``candle_rebalance`` in a backtest) does this:

    log.keep_time(cooldown)                              # a crash must not start the cooldown anew
    answer = decide(picture())                           # nothing is read for it
    if isinstance(answer, NotNow) and answer.code is NotNowCode.BALANCE_NOT_FRESH:
        live.read()                                      # all else holds: now it is worth a read
        answer = decide(picture())
    if isinstance(answer, Plan):
        log.begin(answer, currency)                      # on the disk before the first sale
        for sale in answer.sales:
            log.record(sale.trade_id, Outcome.SENDING)
            ...                                          # one failure does not stop the others
            log.record(sale.trade_id, Outcome.ORDERED, order_id=...)
        log.end()
    lock(log.locked_pairs(cooldown), log.left(cooldown)) # also after a restart

and once per start, before the first loop: ``log.complete_interrupted(find)``. Where the log raises
AttemptsUnavailable, its sentence goes into ``Picture.attempts_problem`` and nothing is sold.
"""
