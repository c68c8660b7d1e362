"""The coins that Binance lists in every account, nearly all of them at zero."""

_TICKERS = (
    "BTC ETH BNB USDT USDC FDUSD TUSD EUR TRY BRL SOL XRP ADA DOGE TRX AVAX LINK DOT TON SHIB LTC "
    "BCH UNI NEAR APT ICP FIL ETC XLM ATOM HBAR ARB OP IMX INJ VET SUI SEI TIA GRT ALGO FTM EGLD "
    "THETA AAVE SAND MANA AXS FLOW XTZ EOS CHZ KAVA NEO IOTA ZEC DASH XMR WAVES QTUM OMG ZIL ENJ "
    "BAT ZRX COMP MKR SNX YFI CRV SUSHI 1INCH LRC KNC BAL REN STORJ OCEAN BAND RLC ANKR CELR CTSI "
    "DENT HOT WIN BTT ONE IOST ONT ICX SC DGB RVN LSK STEEM ARDR NULS WAN FUN MTL OGN COTI STMX "
    "ROSE DUSK MINA GALA ENS LDO RPL GMX DYDX BLUR APE GMT JASMY WLD PEPE FLOKI BONK ORDI PYTH "
    "JUP STRK ALT PIXEL PORTAL AEVO ETHFI ENA REZ NOT ZK ZRO RENDER FET AGIX RUNE KSM CELO QNT "
    "HNT MASK AUDIO SPELL PEOPLE HIGH MAGIC SSV CFX STX LINA AMB ACH HOOK EDU ID RDNT MAV ARKM"
).split()


def listed_coins(count: int) -> list[str]:
    """So many coins: well-known ones first, then ones that are only listed."""
    listed_only = (f"LISTED{number}" for number in range(1, count))
    known = list(dict.fromkeys(_TICKERS))
    return [*known[:count], *(next(listed_only) for _ in range(count - len(known)))]
