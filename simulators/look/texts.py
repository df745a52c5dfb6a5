"""Texts of the page, in the two languages of the product."""

from types import MappingProxyType

from perception.point import Title
from simulators.likeness.verdicts import Rule

TITLE = Title(zh="像真的吗？模拟站与真实站对比", en="Does it look real? A simulated station beside a real one")
LEAD_SAME_SKY = Title(
    zh="同一片天空下的两座换热站：左边是真实记录，右边是模拟。模拟站在真实站记录的室外温度下运行，"
    "规模按真实站的热负荷缩放，供热曲线与热源整体平移到真实站的水平；其余都由物理模型得出。",
    en="Two heat stations under one sky: recorded on the left, simulated on the right. The simulated one lives under"
    " the outdoor temperature that the real one recorded, is scaled to its heat load, and its curve and its plant are"
    " shifted to the real level by a constant each; all else follows from the physics.",
)
LEAD_SAME_ORDERS = Title(
    zh="同一片天空、同样的指令：左边是真实记录，右边是模拟。模拟站得到真实站记录的室外温度，"
    "并执行其运行人员下达的二次供水设定与停供；供回水温度与功率由物理模型得出。",
    en="One sky, the same orders: recorded on the left, simulated on the right. The simulated station gets the outdoor"
    " temperature that the real one recorded, and obeys the setpoint and the stops that its operators ordered;"
    " supply, return and power follow from the physics.",
)
LEAD_OWN_SKY = Title(
    zh="两座换热站：左边是真实记录，右边是模拟，各有各的天气。",
    en="Two heat stations: recorded on the left, simulated on the right, each under its own weather.",
)
REAL, SIMULATED = Title(zh="真实", en="Real"), Title(zh="模拟", en="Simulated")
WEEK = Title(zh="一周", en="One week")
WEEK_NOTE = Title(
    zh="两侧纵轴相同，时间为当地时间。指针移到图上可读数。断开的线表示没有读数，或按下述规则剔除的读数。",
    en="Both sides have the same axes; times are local. Point at a chart to read values. A broken line: no reading,"
    " or one"
    " that was left out by the rules below.",
)
DAY = Title(zh="一天的形状", en="The shape of a day")
DAY_NOTE = Title(
    zh="运行时段内各小时的平均值减去当日平均值；横轴为当地小时。",
    en="Mean by local hour less the mean of the day, over the hours in which the station runs.",
)
CHANGES = Title(zh="一小时的变化", en="What an hour changes")
CHANGES_NOTE = Title(
    zh="稳定运行时每小时的变化，纵轴为对数：少见的大变化与常见的小变化同样看得清。",
    en="Change within an hour while the station has settled; the scale is logarithmic, so that rare large changes"
    " show as"
    " well as common small ones.",
)
CONTROL = Title(zh="控制、能量与水平", en="Control, energy and levels")
CONTROL_NOTE = Title(
    zh="控制偏差：二次供水减去设定值，稳定时段。热特性：每点为一天，各以自身拟合直线在 0 ℃ 时的功率为 100%。水平："
    "运行时段。",
    en="Control error: secondary supply less its setpoint, while settled. Signature: a dot per day, each station in"
    " % of"
    " what its own line gives at 0 °C. Levels: while running.",
)
TABLE = Title(zh="逐项结论", en="Line by line")
RULES = Title(zh="怎样比较", en="How it was compared")
SOURCES = Title(zh="数据来源与许可", en="Sources and licences")
CHART_TITLES = MappingProxyType(
    {
        "levels": Title(zh="水平：p5、中位数、p95", en="Levels: p5, median, p95"),
        "control": Title(zh="控制偏差", en="Control error"),
        "signature": Title(zh="热特性", en="Energy signature"),
        "t_outdoor": Title(zh="室外温度", en="Outdoor"),
        "t_pri_supply": Title(zh="一次供水", en="Primary supply"),
        "t_pri_return": Title(zh="一次回水", en="Primary return"),
        "t_sec_supply": Title(zh="二次供水", en="Secondary supply"),
        "t_sec_return": Title(zh="二次回水", en="Secondary return"),
        "heat_power": Title(zh="热功率", en="Heat power"),
    }
)
LEGEND = MappingProxyType(
    {
        "outdoor": Title(zh="室外", en="outdoor"),
        "supply": Title(zh="供水", en="supply"),
        "return": Title(zh="回水", en="return"),
        "setpoint": Title(zh="设定", en="setpoint"),
        "power": Title(zh="功率", en="power"),
    }
)
GROUPS = MappingProxyType(
    {
        "level": Title(zh="水平（运行时段）", en="Levels, while running"),
        "change": Title(zh="变化速度（稳定时段）", en="Rates of change, while settled"),
        "control": Title(zh="控制", en="Control"),
        "shape": Title(zh="日变化", en="Course of the day"),
        "energy": Title(zh="能量", en="Energy"),
        "memory": Title(zh="记忆", en="Memory"),
        "noise": Title(zh="噪声（相邻读数之间）", en="Noise, from reading to reading"),
        "share": Title(zh="完整性", en="Completeness"),
    }
)
COLUMNS = (
    Title(zh="项目", en="figure"),
    REAL,
    SIMULATED,
    Title(zh="比值", en="ratio"),
    Title(zh="规则", en="rule"),
    Title(zh="结论", en="verdict"),
)
RULE_WORDS = MappingProxyType(
    {
        Rule.FACTOR: Title(zh="1.5倍以内", en="within a factor of 1.5"),
        Rule.INSIDE: Title(zh="在真实 p5–p95 内", en="inside the real p5 to p95"),
        Rule.APART: Title(zh="相差不超过 {most}", en="at most {most} apart"),
        Rule.LINE: Title(zh="不低于真实值或 0.95", en="at least the real one, or 0.95"),
        Rule.BAND: Title(zh="±6% 以内", en="within ±6 %"),
        Rule.SHAPE: Title(zh="相关系数 ≥ 0.8", en="correlation of at least 0.8"),
        Rule.TOLD: Title(zh="只列出", en="shown only"),
        Rule.GIVEN: Title(zh="给定，不判断", en="given to it, not judged"),
    }
)
YES, NO = Title(zh="相符", en="alike"), Title(zh="不符", en="differs")
UNKNOWN, TOLD = Title(zh="无法判断", en="cannot tell"), Title(zh="—", en="—")
LANGUAGE = Title(zh="English", en="中文")
THEME = Title(zh="明暗", en="Light or dark")
SUMMARY = Title(
    zh="{told}项判断中 {yes} 项相符，{no} 项不符，{unknown} 项无法判断。",
    en="{yes} of {told} judged lines agree, {no} differ, {unknown} cannot be told.",
)
HOW = (
    Title(
        zh="网格：两者都取 {step} 分钟一个读数（两种周期中较长的一个），取最近的读数，不做平均。",
        en="Grid: a reading every {step} minutes for both, the coarser of the two cadences; the nearest reading,"
        " not a mean.",
    ),
    Title(
        zh="时段：{days} 天，自 {begin} 起（{zone}）；周图为前七天。",
        en="Span: {days} days from {begin} ({zone}); the week above is the first seven.",
    ),
    Title(
        zh="运行：功率高于自身第95百分位的10%（无功率时：二次供回水温差大于2 K）。稳定：运行，且此前三小时、"
        "此后一小时都没有停过；"
        "由此排除尼什各站的夜间停供与早晨启动。",
        en="Running: power above 10 % of its own 95th percentile (without power: 2 K between secondary supply and"
        " return)."
        " Settled: running, and not seen off in the three hours before or the hour after. That leaves out the night"
        " switch-off of the stations of Niš and their morning starts.",
    ),
    Title(
        zh="剔除：超出物理范围（含开路代码 −39.9）、供回水同时为零（及此刻为零的室外温度）、"
        "功率超过自身第99百分位三倍、"
        "室外温度偏离前后五个读数的中位数8 K以上、"
        "同一温度十二小时不变。真实站剔除：{real}；模拟站剔除：{simulated}。",
        en="Left out: values beyond physical limits (-39.9 is the code of an open circuit), a pair that is exactly"
        " zero, power"
        " above three times its own 99th percentile, outdoor 8 K off the median of five readings, a temperature"
        " that stands"
        " still for twelve hours. Real: {real}; simulated: {simulated}.",
    ),
    Title(
        zh="不能读的行：{rows}；不能读的值：{cells}。",
        en="Rows that could not be read: {rows}; values: {cells}.",
    ),
    Title(
        zh="模拟站：{station}，种子 {seed}，供热面积 {area} m²，无故障。",
        en="Simulated: {station}, seed {seed}, {area} m² heated, no faults.",
    ),
)
DIRT = MappingProxyType(
    {
        "out_of_range": Title(zh="超范围", en="out of range"),
        "dead_pair": Title(zh="成对为零", en="dead pair"),
        "outlier": Title(zh="离群", en="outlier"),
        "jump": Title(zh="跳变", en="jump"),
        "frozen": Title(zh="冻结", en="frozen"),
    }
)
NOTHING = Title(zh="无", en="nothing")
OWN_FILE = Title(
    zh="真实数据来自文件 {name}；其来源与许可由提供者说明。",
    en="The real series is the file {name}; its source and licence are known to whoever gave it.",
)
SHIPPED = Title(
    zh="真实数据（{name}）：{source}。改动：截取时段、由旧到新排序。",
    en="Real series ({name}): {source}. Changes: cut, oldest row first.",
)
PRETEND = Title(
    zh="模拟数据由 Hearthline 的物理模型计算，不是任何真实站的测量值。",
    en="The simulated series was computed by Hearthline's physics; it is no measurement of any real station.",
)
