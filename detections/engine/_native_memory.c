/* What is remembered: which rules a kind of event meets, and what was found for the same values before. Both are bounded. */
#include "_native.h"

/* ---- which rules an event meets ----------------------------------------------------------------------------------- */

/* The key of an event's bucket: the values of the fields that routes ask for, lists as tuples. */
static PyObject *bucket_key(Matcher *m, PyObject *event) {
    Py_ssize_t n = PyTuple_GET_SIZE(m->keys);
    PyObject *key = PyTuple_New(n);
    for (Py_ssize_t i = 0; key && i < n; i++) {
        PyObject *value = PyDict_GetItemWithError(event, PyTuple_GET_ITEM(m->keys, i));
        if (!value && PyErr_Occurred()) { Py_CLEAR(key); break; }
        value = !value ? Py_NewRef(Py_None) : PyList_Check(value) ? PyList_AsTuple(value) : Py_NewRef(value);
        if (!value) { Py_CLEAR(key); break; }
        PyTuple_SET_ITEM(key, i, value);
    }
    return key;
}

/* Return a bit set of the ids of these names of fields. */
static PyObject *field_bits(Matcher *m, PyObject *names) {
    PyObject *walk = PyObject_GetIter(names), *name;
    if (!walk) return NULL;
    while ((name = PyIter_Next(walk))) {
        int id = PyUnicode_Check(name) ? field_id(m, name, 1) : -2;
        Py_DECREF(name);
        if (id < 0) { Py_DECREF(walk); if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "no name"); return NULL; }
    }
    Py_DECREF(walk);
    if (PyErr_Occurred()) return NULL;
    PyObject *bits = PyBytes_FromStringAndSize(NULL, m->nfields / 8 + 1);
    if (!bits || !(walk = PyObject_GetIter(names))) { Py_XDECREF(bits); return NULL; }
    memset(PyBytes_AS_STRING(bits), 0, PyBytes_GET_SIZE(bits));
    while ((name = PyIter_Next(walk))) {
        int id = field_id(m, name, 0);
        Py_DECREF(name);
        if (id >= 0) PyBytes_AS_STRING(bits)[id >> 3] |= (char)(1 << (id & 7));
    }
    Py_DECREF(walk);
    if (PyErr_Occurred()) Py_CLEAR(bits);
    return bits;
}

/* Ask `route` for the bucket of an event: (members, always, whether to remember it, names of the fields that its rules read),
 * the names as a bit set. */
static PyObject *told(Matcher *m, PyObject *event) {
    PyObject *found = PyObject_CallOneArg(m->route, event);
    if (!found) return NULL;
    if (!PyTuple_Check(found) || PyTuple_GET_SIZE(found) != 4 || !PyBytes_Check(PyTuple_GET_ITEM(found, 0)) ||
        !PyBytes_Check(PyTuple_GET_ITEM(found, 1)) || (size_t)PyBytes_GET_SIZE(PyTuple_GET_ITEM(found, 0)) != m->words * 8 ||
        (size_t)PyBytes_GET_SIZE(PyTuple_GET_ITEM(found, 1)) != m->words * 8 || !PyAnySet_Check(PyTuple_GET_ITEM(found, 3))) {
        PyErr_SetString(PyExc_SystemError, "route tells (members, always, whether to remember, names)");
        Py_DECREF(found);
        return NULL;
    }
    PyObject *bits = field_bits(m, PyTuple_GET_ITEM(found, 3));
    PyObject *made = bits ? PyTuple_Pack(4, PyTuple_GET_ITEM(found, 0), PyTuple_GET_ITEM(found, 1), PyTuple_GET_ITEM(found, 2), bits) : NULL;
    Py_XDECREF(bits); Py_DECREF(found);
    return made;
}

/* Return the bucket of an event: remembered, or as `route` tells. */
PyObject *bucket_of(Matcher *m, PyObject *event) {
    PyObject *key = bucket_key(m, event), *found = key ? PyDict_GetItemWithError(m->buckets, key) : NULL;
    if (found) { Py_INCREF(found); Py_DECREF(key); return found; }
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) { Py_XDECREF(key); return NULL; }
        PyErr_Clear();                                  /* a value without a hash: asked each time */
    }
    found = told(m, event);
    if (found && key && PyTuple_GET_ITEM(found, 2) == Py_True) {
        if (PyDict_GET_SIZE(m->buckets) >= BUCKETS) PyDict_Clear(m->buckets);
        if (PyDict_SetItem(m->buckets, key, found)) Py_CLEAR(found);
    }
    Py_XDECREF(key);
    return found;
}

/* ---- what was found before ---------------------------------------------------------------------------------------- */

/* The same bucket and the same values in all fields that its rules read give the same rules. What the rules of a keyword look
 * at is no such field: an event that made one of them a candidate is not kept, and of one that is met again the other values
 * are searched for keywords. Kept are whole values, compared whole: nothing that is made to collide is taken for another. */

static int put(Vec *key, uint32_t field, uint32_t tag, const void *data, size_t n) {
    if (n > MEMO_LONGEST || key->count + n > MEMO_LONGEST) return 0;
    if (grow(key, 1, n + 16)) return -1;
    uint32_t head[2] = {field << 4 | tag, (uint32_t)n};
    memcpy((uint8_t *)key->items + key->count, head, 8);
    memcpy((uint8_t *)key->items + key->count + 8, data, n);
    key->count += 8 + n;
    return 1;
}

/* 1: put into the key; 0: of a type or a length that is not remembered; -1: error. */
static int put_value(Vec *key, int field, PyObject *value, int listed) {
    if (PyUnicode_CheckExact(value)) {
        int kind = PyUnicode_IS_ASCII(value) ? 0 : PyUnicode_KIND(value);
        return put(key, field, listed | kind, PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value) * (kind ? kind : 1));
    }
    if (value == Py_True || value == Py_False) return put(key, field, listed | 5, value == Py_True ? "t" : "f", 1);
    if (!PyLong_CheckExact(value)) return 0;
    int over;
    long long number = PyLong_AsLongLongAndOverflow(value, &over);
    if (number == -1 && PyErr_Occurred()) return -1;
    return over ? 0 : put(key, field, listed | 6, &number, sizeof number);
}

/* Put the values of the fields that rules read into the key; the others too, if that is wanted, into `others`. */
int make_key(Matcher *m, PyObject *event, PyObject *read, Vec *others) {
    PyObject *name, *value; Py_ssize_t position = 0;
    if (others) others->count = 0; else m->key.count = 0;
    while (PyDict_Next(event, &position, &name, &value)) {
        if (value == Py_None) continue;
        int field = known_field(m, name), done = 1;
        if (field == -2) return -1;
        if (field == -3 || has_field(read, field) == (others != NULL)) continue;
        Vec *key = others ? others : &m->key;
        if (!PyList_Check(value)) done = put_value(key, others ? 0 : field, value, 0);
        else for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value) && done == 1; i++)
            done = put_value(key, others ? 0 : field, PyList_GET_ITEM(value, i), others ? 0 : 8);
        if (done != 1) return done;
    }
    return 1;
}

static uint64_t folded(uint64_t a, uint64_t b) { __uint128_t p = (__uint128_t)a * b; return (uint64_t)p ^ (uint64_t)(p >> 64); }

uint64_t hashed(const uint8_t *p, size_t n) {
    uint64_t h = 0x9E3779B97F4A7C15u ^ n, x[2];
    for (; n >= 16; p += 16, n -= 16) { memcpy(x, p, 16); h = folded(x[0] ^ 0xA0761D6478BD642Fu, x[1] ^ h); }
    x[0] = x[1] = 0;
    memcpy(x, p, n);
    return folded(folded(x[0] ^ 0xE7037ED1A0B428DBu, x[1] ^ h), 0x8EBC6AF09C88C6E3u);
}

static void drop(Matcher *m, Memory *e) {
    if (!e->key) return;
    m->memo_bytes -= e->len + e->more;
    PyMem_Free(e->key); e->key = NULL;
    Py_CLEAR(e->bucket); Py_CLEAR(e->found);
}

void forget_all(Matcher *m) { if (m->memo) for (size_t i = 0; i < (size_t)2 << MEMO; i++) drop(m, m->memo + i); }

/* Whether the memo is asked: where it was of no use lately it is asked half the time. */
int awake(Matcher *m) {
    if (!m->remembers || !m->plain) return 0;
    if (m->rest) { m->rest--; return 0; }
    if (++m->looks < LOOKS) return 1;
    if (m->found < LOOKS / 16) m->rest = LOOKS;
    m->looks = m->found = 0;
    return 1;
}

Memory *remembered(Matcher *m, PyObject *bucket, uint64_t hash) {
    if (!m->memo) return NULL;
    Memory *two = m->memo + ((hash >> 20 & (((size_t)1 << MEMO) - 1)) << 1);
    for (int i = 0; i < 2; i++) {
        Memory *e = two + i;
        if (e->key && e->hash == hash && e->len == m->key.count && e->bucket == bucket && (!e->len || !memcmp(e->key, m->key.items, e->len))) { e->used = ++m->clock; return e; }
    }
    return NULL;
}

int remember(Matcher *m, PyObject *event, PyObject *bucket, uint64_t hash, PyObject *found) {
    if (!m->memo && !(m->memo = PyMem_Calloc((size_t)2 << MEMO, sizeof(Memory)))) { PyErr_NoMemory(); return -1; }
    int whole = m->any_literal ? make_key(m, event, PyTuple_GET_ITEM(bucket, 3), &m->rest_key) : 1;
    if (whole < 1) return whole;
    uint32_t more = m->any_literal ? (uint32_t)m->rest_key.count : 0;
    if (m->memo_bytes + m->key.count + more > MEMO_BYTES) forget_all(m);
    Memory *two = m->memo + ((hash >> 20 & (((size_t)1 << MEMO) - 1)) << 1);
    Memory *e = !two[0].key || (two[1].key && m->clock - two[0].used > m->clock - two[1].used) ? two : two + 1;
    drop(m, e);
    uint8_t *key = PyMem_Malloc(m->key.count + more + 1);
    if (!key) { PyErr_NoMemory(); return -1; }
    if (m->key.count) memcpy(key, m->key.items, m->key.count);
    if (more) memcpy(key + m->key.count, m->rest_key.items, more);
    *e = (Memory){hash, (uint32_t)m->key.count, more, ++m->clock, Py_NewRef(bucket), Py_NewRef(found), key};
    m->memo_bytes += e->len + more;
    return 0;
}

/* Whether a value stands next among the other values of an event that was met before; they are in the same order mostly. */
static int met_again(Matcher *m, const Memory *e, uint32_t *at, PyObject *value) {
    m->rest_key.count = 0;
    if (put_value(&m->rest_key, 0, value, 0) != 1) { PyErr_Clear(); return 0; }
    if (*at + 8 > e->more) return 0;
    const uint8_t *known = e->key + e->len + *at;
    uint32_t n;
    memcpy(&n, known + 4, 4);
    *at += 8 + n;
    return 8 + n == m->rest_key.count && !memcmp(known, m->rest_key.items, m->rest_key.count);
}

/* Whether no keyword of the bucket's rules stands in the values that they do not read by name; none did when it was met before,
 * so what is the same now is not searched. -1 is an error. */
int quiet(Matcher *m, PyObject *event, PyObject *bucket, const Memory *e) {
    if (!m->any_literal) return 1;
    PyObject *name, *value; Py_ssize_t position = 0; uint32_t at = 0;
    if (begin_arena(m)) return -1;
    while (PyDict_Next(event, &position, &name, &value)) {
        if (value == Py_None) continue;
        int field = known_field(m, name);
        if (field == -2) return -1;
        if (field == -3 || has_field(PyTuple_GET_ITEM(bucket, 3), field)) continue;
        if (!PyList_Check(value)) { if (!met_again(m, e, &at, value) && add_any(m, field, value)) return -1; continue; }
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); i++)
            if (!met_again(m, e, &at, PyList_GET_ITEM(value, i)) && add_any(m, field, PyList_GET_ITEM(value, i))) return -1;
    }
    if (!m->spans.count) return 1;
    memset((uint8_t *)m->arena.items + m->arena.count, 0, PAD);
    memset(m->marks, 0, m->words * 8);
    search(m, m->any_bits);
    const uint64_t *members = (const uint64_t *)PyBytes_AS_STRING(PyTuple_GET_ITEM(bucket, 0));
    for (size_t w = 0; w < m->words; w++) if (m->marks[w] & members[w]) return 0;
    return 1;
}
