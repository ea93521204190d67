#!/usr/bin/env python3
"""Writes a recording of any size, as HAR or NDJSON, to measure what reading, writing and searching it costs.

    make.py COUNT FILE.har | FILE.ndjson [ITEMS]

Each exchange is an order quote of ITEMS items (default 10): with 10 about 1.7 KB up and 3.2 KB down. Names and UUIDs differ.
"""
import json
import sys
import uuid

count, path = int(sys.argv[1]), sys.argv[2]
items = int(sys.argv[3]) if len(sys.argv) > 3 else 10
FIRST = ["Robin", "Ada", "Kim", "Noor", "Sam", "Ines", "Jo", "Lee", "Max", "Uma"]
KIND = "application/vnd.openactive.booking+json; version=1"


def exchange(n):
    order = str(uuid.UUID(int=(n * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128))
    item = lambda i: {
        "@type": "OrderItem",
        "position": i,
        "acceptedOffer": f"https://booking.example/id/series/{(n + i) % 997}#/offers/{i}",
        "orderedItem": f"https://booking.example/id/sessions/{(n * 7 + i) % 100003}",
    }
    request = json.dumps({
        "@context": "https://openactive.io/",
        "@type": "OrderQuote",
        "customer": {"@type": "Person", "email": f"{FIRST[n % 10].lower()}.{n}@post.example"},
        "orderedItem": [item(i) for i in range(items)],
    })
    response = json.dumps({
        "@context": "https://openactive.io/",
        "@type": "OrderQuote",
        "identifier": order,
        "totalPaymentDue": {"@type": "PriceSpecification", "price": n % 50 + 0.99, "priceCurrency": "GBP"},
        "orderedItem": [{**item(i), "unitTaxSpecification": [{"@type": "TaxChargeSpecification", "price": 1}]} for i in range(items)],
    })
    second, milli = divmod(n * 5, 1000)
    started = f"2026-11-{1 + second // 86400:02}T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{milli:03}Z"
    return order, started, request, response


def har(n):
    order, started, request, response = exchange(n)
    headers = [{"name": "Content-Type", "value": KIND}, {"name": "Host", "value": "booking.example"}]
    return {
        "startedDateTime": started,
        "time": 4,
        "request": {"method": "PUT", "url": f"https://booking.example/api/order-quotes/{order}", "httpVersion": "HTTP/1.1",
                    "cookies": [], "headers": headers, "queryString": [], "headersSize": -1, "bodySize": len(request),
                    "postData": {"mimeType": KIND, "text": request}},
        "response": {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "cookies": [], "headers": headers,
                     "content": {"size": len(response), "mimeType": KIND, "text": response},
                     "redirectURL": "", "headersSize": -1, "bodySize": len(response)},
        "cache": {},
        "timings": {"send": 0, "wait": 4, "receive": 0},
    }


def line(n):
    order, started, request, response = exchange(n)
    headers = [{"name": "Content-Type", "value": KIND}, {"name": "Host", "value": "booking.example"}]
    return {
        "n": n, "id": n, "started": started, "total_ms": 4, "origin": "https://booking.example",
        "request": {"method": "PUT", "target": f"/api/order-quotes/{order}", "headers": headers, "body": request},
        "response": {"status": 200, "reason": "OK", "headers": headers, "body": response},
    }


with open(path, "w") as out:
    if path.endswith(".har"):
        out.write('{"log": {"version": "1.2", "creator": {"name": "make.py", "version": "1"}, "entries": [\n')
        for n in range(count):
            out.write((",\n" if n else "") + json.dumps(har(n)))
        out.write("\n]}}\n")
    else:
        for n in range(count):
            out.write(json.dumps(line(n)) + "\n")
