"""Books and pages of books, read from a table of SQLite.

The table holds what is to be answered as it is, so Python does no JSON.
"""

import os
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from flask import Flask, Response, abort, request

PAGE = 20

app = Flask(__name__)
# The worker has one thread, which is not the one that loads this file.
db = sqlite3.connect(f"file:{os.environ['CATALOGUE']}?mode=ro", uri=True, check_same_thread=False)


@app.get("/readyz")
def ready():
    return ""


@app.get("/row/<uuid:id>")
def book(id: UUID):
    row = db.execute("SELECT doc FROM books WHERE id = ?", (id.bytes,)).fetchone()
    if row is None:
        abort(404)
    return Response(row[0], mimetype="application/json")


@app.get("/page")
def page():
    prefix = request.args["title"].lower()
    after = urlsafe_b64decode(request.args.get("cursor", "")).decode() or prefix
    rows = db.execute(
        "SELECT doc, by_title FROM books WHERE by_title > ? AND by_title < ? ORDER BY by_title LIMIT ?",
        (after, prefix + "\U0010ffff", PAGE + 1),
    ).fetchall()
    cursor = b"null"
    if len(rows) > PAGE:
        cursor = b'"' + urlsafe_b64encode(rows[PAGE - 1][1].encode()) + b'"'
    items = b",".join(row[0] for row in rows[:PAGE])
    return Response(b'{"items":[' + items + b'],"next_cursor":' + cursor + b"}\n", mimetype="application/json")
