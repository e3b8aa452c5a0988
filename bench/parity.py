"""``python -m bench.parity``: the same rules on the same events by four ways; each (rule, event) that differs is a line.

Stream (`RuleSet.match`), hunt on the lake (`hunt`, its candidates), pySigma's sqlite back end on a table of the same
events, and the reference evaluator of `bench.oracle` for what SQLite cannot compare: keyword rules, fieldref, values that
are lists or not ASCII, names computed of an event. What was left to whom is counted. Exit 1 if anything differs.
"""

import argparse
import json
import re
import sqlite3
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import re2
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.exceptions import SigmaError

from bench.oracle.differential import FOLDERS, SIGMAHQ, Both
from bench.oracle.evaluator import text
from hinomi.collectors.formats import formats
from hinomi.detections import RuleSet
from hinomi.detections.hunting import TOGETHER, hunt
from hinomi.detections.offline.files import chunks, find
from hinomi.detections.pipeline import hinomi_ecs_pipeline
from hinomi.event import Event, RawRecord
from hinomi.events import open_store
from hinomi.settings import Rules, Settings
from hinomi.tenancy import Grant
