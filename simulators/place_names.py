"""Names of the pretend city's places: districts with their outlines, heat sources, and communities."""

from dataclasses import dataclass

from perception.point import Title

Corner = tuple[float, float]
"""(lat, lon) in degrees."""

_RIVER: tuple[Corner, ...] = (
    (46.0250, 127.4800), (46.0210, 127.5100), (46.0275, 127.5400), (46.0240, 127.5700),
    (46.0300, 127.6050), (46.0280, 127.6400),
)  # fmt: skip
_AVENUE: tuple[Corner, ...] = ((46.0000, 127.5660), (45.9775, 127.5725))
_NORTH: tuple[Corner, ...] = (
    (46.0525, 127.6375), (46.0650, 127.6000), (46.0690, 127.5550), (46.0625, 127.5100), (46.0475, 127.4825),
)  # fmt: skip
_WEST: tuple[Corner, ...] = ((45.9740, 127.5400), (45.9825, 127.5000), (46.0025, 127.4825))
_EAST: tuple[Corner, ...] = ((46.0050, 127.6390), (45.9850, 127.6250), (45.9750, 127.6000))


@dataclass(frozen=True, slots=True)
class DistrictPlan:
    """A district: `key` is its part of the names of everything in it, `source` the plant that heats it."""

    key: str
    title: Title
    outline: tuple[Corner, ...]
    source: str


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """A heat source at its place."""

    key: str
    title: Title
    at: Corner


DISTRICTS = (
    DistrictPlan("laocheng", Title(zh="老城区", en="Old Town"), (*_RIVER[:4], *_AVENUE, *_WEST), "dongshan"),
    DistrictPlan("songlin", Title(zh="松林区", en="Pinewood"), (*_RIVER[3:], *_EAST, *_AVENUE[::-1]), "dongshan"),
    DistrictPlan("beian", Title(zh="北岸区", en="North Bank"), (*_RIVER, *_NORTH), "beian-plant"),
)

SOURCES = (
    SourcePlan("dongshan", Title(zh="东山热电厂", en="Dongshan cogeneration plant"), (45.9910, 127.6250)),
    SourcePlan("beian-plant", Title(zh="北岸热源厂", en="North Bank heating plant"), (46.0590, 127.5150)),
)

COMMUNITIES = tuple(
    Title(zh=zh, en=en)
    for zh, en in (
        ("松涛苑", "Songtao Court"), ("雪华里", "Xuehua Lane"), ("江畔花园", "Riverside Gardens"),
        ("暖阳小区", "Nuanyang Homes"), ("银杏园", "Ginkgo Park"), ("文昌里", "Wenchang Lane"),
        ("白桦林居", "Birchwood"), ("冰凌花园", "Adonis Gardens"), ("和平新村", "Heping New Village"),
        ("学府家园", "Xuefu Residence"), ("春晖苑", "Chunhui Court"), ("望江楼", "Wangjiang Terrace"),
        ("红旗大院", "Hongqi Compound"), ("机车厂家属区", "Locomotive Works Homes"), ("北苑新居", "Beiyuan New Homes"),
        ("柳岸人家", "Willow Bank"), ("丁香园", "Lilac Park"), ("曙光里", "Shuguang Lane"),
        ("长青小区", "Changqing Homes"), ("天鹅湾", "Swan Bay"), ("锦绣江南", "Jinxiu South"),
        ("铁西工人村", "Tiexi Workers' Village"), ("云杉郡", "Spruce County"), ("康宁里", "Kangning Lane"),
        ("滨水名邸", "Waterfront Residence"), ("桃源居", "Taoyuan Homes"), ("建设里", "Jianshe Lane"),
        ("翠湖豪庭", "Cuihu Court"), ("福顺小区", "Fushun Homes"), ("书香门第", "Scholars' Gate"),
        ("海棠公寓", "Crabapple Apartments"), ("金穗家园", "Jinsui Residence"), ("平安里", "Ping'an Lane"),
        ("雪松嘉园", "Cedar Gardens"), ("临江新苑", "Linjiang New Court"), ("友谊宫小区", "Youyi Palace Homes"),
        ("梧桐里", "Wutong Lane"), ("安居苑", "Anju Court"), ("星河湾", "Galaxy Bay"),
        ("纺织厂宿舍", "Textile Mill Quarters"), ("明珠花园", "Pearl Gardens"), ("瑞雪园", "Ruixue Park"),
        ("兴业小区", "Xingye Homes"), ("教师新村", "Teachers' Village"), ("紫云台", "Ziyun Terrace"),
        ("南山墅", "Nanshan Villas"), ("百合苑", "Lily Court"), ("光明里", "Guangming Lane"),
        ("朝霞小区", "Zhaoxia Homes"), ("融雪家园", "Rongxue Residence"), ("玉兰湾", "Magnolia Bay"),
        ("老街坊", "Old Neighbours"), ("向阳里", "Xiangyang Lane"), ("鹤鸣苑", "Heming Court"),
        ("松江名都", "Songjiang Metropolis"), ("枫林晚", "Maple Evening"), ("富强小区", "Fuqiang Homes"),
        ("钟楼里", "Bell Tower Lane"), ("晴雪园", "Qingxue Park"), ("迎宾花园", "Yingbin Gardens"),
    )
)  # fmt: skip
"""Sixty communities; a bigger city uses them again as 二区, 三区 and so on."""
