"""Small files in the formats in which the public data sets are published, made on the spot."""

import gzip
import json
import tarfile
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl

FLAGS = "|".join("1" if place in (3, 4, 5) else "0" for place in range(19))
Maker = Callable[[Path], None]


def put(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file, packed with gzip if its name says so; text as UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def objects(*rows: dict) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def literals(*rows: dict) -> str:
    return "".join(f"{row!r}\n" for row in rows)


def ml_100k(folder: Path) -> None:
    put(folder, "ml-100k/u.data", "196\t242\t3\t881250949\n186\t242\t3\t891717742\n196\t1\t5\t881250950\n")
    rows = (
        f"1|Toy Story (1995)|01-Jan-1995||http://us.imdb.com/M/title-exact?Toy%20Story%20(1995)|{FLAGS}\n242|Misérables, Les (1995)|||x|{'|'.join('0' * 19)}\n"
    )
    put(folder, "ml-100k/u.item", rows.encode("latin-1"))
    put(folder, "ml-100k/u.user", "196|49|M|writer|55105\n186|39|F|executive|00000\n")


def ml_1m(folder: Path) -> None:
    put(folder, "ml-1m/ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n")
    movies = "661::James: and the Giant Peach (1996)::Animation|Children's|Musical\n1193::Ça commence (1975)::Drama\n"
    put(folder, "ml-1m/movies.dat", movies.encode("latin-1"))
    put(folder, "ml-1m/users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n")


def ml_10m(folder: Path) -> None:
    put(folder, "ml-10M100K/ratings.dat", "1::122::5::838985046\n1::185::4.5::838983525\n")
    put(folder, "ml-10M100K/movies.dat", "122::Boomerang (1992)::Comedy|Romance\n185::Café, Das (1995)::Action\n")


def ml_20m(folder: Path) -> None:
    put(folder, "ml-20m/ratings.csv", "userId,movieId,rating,timestamp\n1,2,3.5,1112486027\n1,29,3.5,1112484676\n7,2,0.5,1112484819\n")
    put(folder, "ml-20m/movies.csv", 'movieId,title,genres\n2,Jumanji (1995),Adventure|Children\n29,"City of Lost Children, The (1995)",(no genres listed)\n')
    put(folder, "ml-20m/genome-tags.csv", "tagId,tag\n1,007\n")


REVIEWS = (
    {"reviewerID": "A1", "asin": "B1", "reviewerName": "Jo", "helpful": [0, 1], "reviewText": "Fine. " * 200, "overall": 5.0, "summary": "Good",
     "unixReviewTime": 1252800000, "reviewTime": "09 13, 2009"},
    {"reviewerID": "A2", "asin": "B1", "helpful": [0, 0], "overall": 2.0, "summary": "Bad", "unixReviewTime": 1252900000},
)  # fmt: skip


def amazon_2014(folder: Path) -> None:
    put(folder, "reviews_Beauty_5.json.gz", objects(*REVIEWS))
    meta = (
        {
            "asin": "B1",
            "title": "It's soap",
            "price": 5.99,
            "brand": "Dove",
            "categories": [["Beauty", "Soap"], ["Beauty", "Bath"]],
            "salesRank": {"Beauty": 3},
        },
        {"asin": "B9", "title": "Nobody's", "categories": [["Beauty"]]},
    )
    put(folder, "meta_Beauty.json.gz", literals(*meta))


def amazon_2018(folder: Path) -> None:
    reviews = ({**row, "verified": True, "style": {"Size:": " 7.0 oz"}, "vote": "3"} for row in REVIEWS)
    put(folder, "All_Beauty_5.json.gz", objects(*reviews))
    row = {"asin": "B1", "title": "Soap", "brand": "Dove", "price": "$1,005.99", "category": ["Soap", "Bath"], "description": ["Clean.", "Soft."], "rank": []}
    put(folder, "meta_All_Beauty.json.gz", objects(row, row, {"asin": "B9", "title": "Nobody's", "category": [], "description": "", "price": ".a-box"}))


def amazon_2023(folder: Path) -> None:
    row = {"rating": 4.0, "title": "Nice", "text": "Smells good", "images": [], "asin": "V1", "parent_asin": "P1", "user_id": "U1",
           "timestamp": 1588687728923, "helpful_vote": 0, "verified_purchase": True}  # fmt: skip
    put(folder, "All_Beauty.jsonl.gz", objects(row, {**row, "asin": "V2", "user_id": "U2", "timestamp": 1588687728000}))
    meta = {"main_category": "All Beauty", "title": "Spray", "average_rating": 4.3, "features": [], "description": ["A", "B"], "price": None, "store": "Lock",
            "categories": ["Hair"], "details": {"Age": "All"}, "parent_asin": "P1", "bought_together": None}  # fmt: skip
    put(folder, "meta_All_Beauty.jsonl.gz", objects(meta))


def yelp(folder: Path) -> None:
    review = {"review_id": "r", "user_id": "u1", "business_id": "b1", "stars": 3.0, "useful": 0, "text": "So-so", "date": "2018-07-07 22:09:11"}
    put(folder, "yelp_academic_dataset_review.json", objects(review, {**review, "user_id": "u2", "stars": 5.0, "date": "2019-01-01 00:00:00"}))
    business = {"business_id": "b1", "name": "Café", "city": "Tampa", "state": "FL", "stars": 4.5, "review_count": 2, "categories": "Food, Coffee & Tea",
                "attributes": {"WiFi": "u'free'"}, "hours": None}  # fmt: skip
    put(folder, "yelp_academic_dataset_business.json", objects(business, {**business, "business_id": "b9", "categories": None}))
    user = {"user_id": "u1", "name": "Jo", "review_count": 5, "yelping_since": "2010-01-01 00:00:00", "friends": "u2, u3", "elite": "2017,2018", "fans": 2}
    put(folder, "yelp_academic_dataset_user.json", objects(user, {**user, "user_id": "u2", "friends": "None", "elite": ""}))


def tripadvisor(folder: Path) -> None:
    review = {
        "hotel_url": "Hotel_Review-g194775-d1121769-Reviews-Hotel_Baltic-Giulianova_Province_of_Teramo_Abruzzo.html", "author": "Jo",
        "date": "2010-02-01T00:00:00", "rating": 4.0, "title": "Great", "text": "The room is quiet.", "property_dict": {"rooms": 3.0},
    }  # fmt: skip
    other = {**review, "hotel_url": "somewhere else", "author": "Al", "rating": 2.0, "property_dict": {}}
    put(folder, "HotelRec.txt", objects(review, {**review, "author": "Al", "date": "2011-02-01T00:00:00"}, other))


INVOICES = (
    ("536365", "85123A", "HANGING HEART", 6, datetime(2010, 12, 1, 8, 26), 2.55, 17850.0, "United Kingdom"),
    ("536366", "22633", "HAND WARMER", 3, datetime(2010, 12, 1, 8, 28), 1.85, 17850.0, "United Kingdom"),
    ("C536379", "22633", "HAND WARMER", -1, datetime(2010, 12, 1, 9, 41), 1.85, 17850.0, "United Kingdom"),
    ("536370", "22633", "HAND WARMER", 1, datetime(2010, 12, 2, 8, 28), 1.85, None, "France"),
    ("536371", "85123A", "HANGING HEART", 2, datetime(2010, 12, 3, 8, 28), 2.55, 12583.0, "France"),
)
INVOICE = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]


def online_retail(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(INVOICES, schema=INVOICE, orient="row").write_excel(folder / "Online Retail.xlsx")


def online_retail_csv(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(INVOICES, schema=INVOICE, orient="row").write_csv(folder / "Online Retail.csv", datetime_format="%Y-%m-%d %H:%M:%S")


def yoochoose(folder: Path) -> None:
    put(
        folder,
        "yoochoose-clicks.dat",
        "1,2014-04-07T10:51:09.277Z,214536502,0\n1,2014-04-07T10:54:09.868Z,214536500,S\n2,2014-04-07T13:56:37.614Z,214536500,3\n",
    )
    put(folder, "yoochoose-buys.dat", "2,2014-04-07T14:00:00.000Z,214536500,12462,1\n")


def diginetica(folder: Path) -> None:
    put(
        folder,
        "train-item-views.csv",
        "sessionId;userId;itemId;timeframe;eventdate\n1;NA;81766;526309;2016-05-09\n1;NA;31331;1031018;2016-05-09\n2;7;81766;0;2016-05-10\n",
    )
    put(folder, "train-purchases.csv", "sessionId;userId;timeframe;eventdate;ordernumber;itemId\n2;7;5000;2016-05-10;16421;81766\n")
    put(folder, "products.csv", "itemId;pricelog2;product.name.tokens\n81766;10;4875,776\n31331;9;\n")
    put(folder, "product-categories.csv", "itemId;categoryId\n81766;1096\n31331;1097\n")


def steam(folder: Path) -> None:
    review = {"username": "Chaos Syren", "hours": 0.1, "products": 41, "product_id": "725280", "page_order": 0, "date": "2017-12-17", "text": "It's fun",
              "early_access": False, "page": 1}  # fmt: skip
    more = {**review, "username": "Jo", "date": "2017-12-18"}
    del more["hours"]
    put(folder, "steam_reviews.json.gz", literals(review, more))
    game = {"publisher": "P", "genres": ["Action", "Indie"], "app_name": "Lost Summoner", "title": "Lost Summoner", "id": "725280", "price": "Free To Play",
            "release_date": "2018-01-04", "tags": ["Strategy"], "specs": ["Single-player"], "developer": "D"}  # fmt: skip
    put(folder, "steam_games.json.gz", literals(game, {"app_name": "Other", "id": "9", "price": 4.99}))


def lastfm_2k(folder: Path) -> None:
    put(folder, "user_artists.dat", "userID\tartistID\tweight\n2\t51\t13883\n2\t52\t11690\n3\t51\t10\n")
    put(folder, "artists.dat", 'id\tname\turl\tpictureURL\n51\tDuran "D" Duran\thttp://x\thttp://y\n52\tMötley\thttp://x\t\n')
    put(folder, "tags.dat", "tagID\ttagValue\n1\tmetal\n2\tpostérock\n".encode("latin-1"))
    put(folder, "user_taggedartists.dat", "userID\tartistID\ttagID\tday\tmonth\tyear\n2\t52\t1\t1\t4\t2009\n3\t52\t2\t1\t4\t2009\n3\t52\t1\t1\t4\t2009\n")
    put(folder, "user_friends.dat", "userID\tfriendID\n2\t3\n3\t2\n")


def lastfm_360k(folder: Path) -> None:
    plays = '00a\t3bd73256-3905-4f3a-97e2-8b341527f805\tbetty "b" blowtorch\t2137\n00a\t\tdie Ärzte\t1099\n00b\t\tdie Ärzte\t7\n'
    put(folder, "lastfm-dataset-360K/usersha1-artmbid-artname-plays.tsv", plays)
    put(folder, "lastfm-dataset-360K/usersha1-profile.tsv", "00a\tf\t22\tGermany\tFeb 1, 2007\n00b\t\t\tMexico\tOct 7, 2005\n")


def lastfm_1k(folder: Path) -> None:
    plays = "user_000001\t2009-05-04T23:08:57Z\tf1b1cf71\tDeep Dish\t\tFlashdance\nuser_000001\t2009-05-04T13:54:10Z\ta7f7df4a\t坂本龍一\t\tComposition 0919\n"
    put(folder, "userid-timestamp-artid-artname-traid-traname.tsv", plays)
    put(folder, "userid-profile.tsv", "#id\tgender\tage\tcountry\tregistered\nuser_000001\tm\t\tJapan\tAug 13, 2006\n")


MAKERS: dict[str, Maker] = {
    "movielens:100k": ml_100k, "movielens:1m": ml_1m, "movielens:10m": ml_10m, "movielens:20m": ml_20m, "amazon:2014/Beauty": amazon_2014,
    "amazon:2018/All_Beauty": amazon_2018, "amazon:2023/All_Beauty": amazon_2023, "yelp": yelp, "tripadvisor": tripadvisor, "online-retail:1": online_retail,
    "yoochoose": yoochoose, "diginetica": diginetica, "steam": steam, "lastfm:2k": lastfm_2k, "lastfm:360k": lastfm_360k, "lastfm:1k": lastfm_1k,
}  # fmt: skip


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def zipped(folder: Path, to: Path) -> Path:
    """All files of a folder in a zip archive."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files(folder):
            archive.write(path, path.relative_to(folder).as_posix())
    return to


def tarred(folder: Path, to: Path) -> Path:
    """The same as a tar, packed as its name says."""
    with tarfile.open(to, "w:gz" if to.name.endswith("gz") else "w") as archive:
        for path in files(folder):
            archive.add(path, path.relative_to(folder).as_posix())
    return to
