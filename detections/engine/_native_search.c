/* Candidates: literals, the tables that they are found by, and an event laid out and searched for them.
 *
 * Four bytes of each literal, the four rarest, are looked up at each place of the event; what follows is compared whole.
 */
#include "_native.h"

int grow(Vec *v, size_t size, size_t more) {
    if (v->count + more <= v->room) return 0;
    size_t room = v->room ? v->room : 64;
    while (room < v->count + more) { if (room > SIZE_MAX / 2 / size) { PyErr_NoMemory(); return -1; } room *= 2; }
    void *items = PyMem_Realloc(v->items, room * size);
    if (!items) { PyErr_NoMemory(); return -1; }
    v->items = items; v->room = room;
    return 0;
}
/* ---- what is looked for ------------------------------------------------------------------------------------------- */

int field_id(Matcher *m, PyObject *name, int make) {
    PyObject *found = PyDict_GetItemWithError(m->fields, name);
    if (found) return (int)PyLong_AsLong(found);
    if (PyErr_Occurred()) return -2;
    if (!make) return -1;
    PyObject *number = PyLong_FromLong(m->nfields);
    if (!number || PyDict_SetItem(m->fields, name, number)) { Py_XDECREF(number); return -2; }
    Py_DECREF(number);
    for (int i = 0; i < CACHE; i++) Py_CLEAR(m->cache_key[i]);      /* the name was none before */
    return m->nfields++;
}

/* Put the ids of a sequence of field names behind the others; -1 is an error. */
int add_fields(Matcher *m, PyObject *names, int *count) {
    PyObject *fast = PySequence_Fast(names, "names of fields are a sequence");
    if (!fast) return -1;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
    int first = (int)m->ids.count;
    if (grow(&m->ids, sizeof(int), n + 1)) { Py_DECREF(fast); return -1; }
    for (Py_ssize_t i = 0; i < n; i++) {
        int id = field_id(m, PySequence_Fast_GET_ITEM(fast, i), 1);
        if (id < 0) { Py_DECREF(fast); return -1; }
        AT(m->ids, int, m->ids.count++) = id;
    }
    Py_DECREF(fast);
    *count = (int)n;
    return first;
}

/* Keep a text between the frames its comparison asks for; (size_t)-1 is an error. */
size_t add_text(Matcher *m, PyObject *text, int start, int end, uint32_t *len) {
    PyObject *encoded = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (!encoded) return (size_t)-1;
    size_t n = PyBytes_GET_SIZE(encoded), at = m->bytes.count;
    if (n + 2 > INT32_MAX / 4 || at + n + 2 > INT32_MAX) { Py_DECREF(encoded); PyErr_SetString(PyExc_ValueError, "too much text"); return (size_t)-1; }
    if (grow(&m->bytes, 1, n + 2 + PAD)) { Py_DECREF(encoded); return (size_t)-1; }
    uint8_t *p = (uint8_t *)m->bytes.items + at;
    if (start) *p++ = FRAME;
    memcpy(p, PyBytes_AS_STRING(encoded), n);
    if (end) p[n] = FRAME;
    *len = (uint32_t)(n + (start ? 1 : 0) + (end ? 1 : 0));
    m->bytes.count = at + *len;
    Py_DECREF(encoded);
    return at;
}

int frames(const char *how, int *start, int *end) {
    *start = !strcmp(how, "prefix") || !strcmp(how, "eq");
    *end = !strcmp(how, "suffix") || !strcmp(how, "eq");
    return *start || *end || !strcmp(how, "contains");
}

/* literal(fields, how, text, at, rules): `at` is where in the framed text the four bytes begin that it is found by. */
PyObject *matcher_literal(Matcher *m, PyObject *args) {
    PyObject *names, *text, *rules; const char *how; Py_ssize_t where; Literal l = {0};
    int start, end;
    if (!PyArg_ParseTuple(args, "OsUnO", &names, &how, &text, &where, &rules)) return NULL;
    if (m->slots) { PyErr_SetString(PyExc_RuntimeError, "the tables are made"); return NULL; }
    if (!frames(how, &start, &end)) { PyErr_SetString(PyExc_ValueError, how); return NULL; }
    size_t at = add_text(m, text, start, end, &l.len);
    if (at == (size_t)-1) return NULL;
    if (l.len < 2 || where < 0 || (l.len >= 4 && where + 4 > l.len) || (l.len < 4 && where)) { PyErr_SetString(PyExc_ValueError, "found by what?"); return NULL; }
    l.text = (uint32_t)at; l.at = (uint32_t)where;
    if ((l.field0 = add_fields(m, names, &l.fields)) < 0) return NULL;
    if (!l.fields) m->anywhere = m->any_literal = 1;
    PyObject *fast = PySequence_Fast(rules, "numbers of rules are a sequence");
    if (!fast) return NULL;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
    l.rule0 = (int)m->rule_ids.count; l.rules = (int)n;
    if (grow(&m->rule_ids, sizeof(int), n + 1)) { Py_DECREF(fast); return NULL; }
    for (Py_ssize_t i = 0; i < n; i++) {
        long number = PyLong_AsLong(PySequence_Fast_GET_ITEM(fast, i));
        if (number < 0 || number >= m->rules) { Py_DECREF(fast); if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no such rule"); return NULL; }
        AT(m->rule_ids, int, m->rule_ids.count++) = (int)number;
    }
    Py_DECREF(fast);
    l.next = -1;
    if (grow(&m->literals, sizeof(Literal), 1)) return NULL;
    AT(m->literals, Literal, m->literals.count++) = l;
    Py_RETURN_NONE;
}

static Slot *slot_of(Matcher *m, uint32_t gram) {
    size_t mask = m->nslots - 1, i = (mixed(gram) >> 7) & mask;
    while (m->slots[i].head >= 0 && m->slots[i].gram != gram) i = (i + 1) & mask;
    return m->slots + i;
}

/* Two bits of one word for each four bytes: few that begin nothing pass. */
static uint64_t two_bits(uint32_t hash) { return (uint64_t)1 << (hash & 63) | (uint64_t)1 << (hash >> 6 & 63); }
static void set_bits(uint64_t *bits, uint32_t hash) { bits[hash >> (32 - WORDS)] |= two_bits(hash); }
static int has_bits(const uint64_t *bits, uint32_t hash) { uint64_t two = two_bits(hash); return (bits[hash >> (32 - WORDS)] & two) == two; }
static int in_set(const uint8_t *set, uint32_t i) { return set[i >> 3 & 8191] >> (i & 7) & 1; }
static void put_in(uint8_t *set, uint32_t i) { set[i >> 3 & 8191] |= (uint8_t)(1 << (i & 7)); }

/* Literals of three bytes stand in the tables with every fourth byte's bit, and in a chain of their own gram, high byte 0
 * and low three bytes; those of two bytes (never ASCII) are found in a table of pairs. */
PyObject *matcher_ready(Matcher *m, PyObject *Py_UNUSED(ignored)) {
    if (m->slots) Py_RETURN_NONE;
    m->nslots = (size_t)1 << SLOTS;
    while (m->nslots < m->literals.count * 2) m->nslots *= 2;
    m->bits = PyMem_Calloc((size_t)1 << WORDS, 8); m->any_bits = PyMem_Calloc((size_t)1 << WORDS, 8);
    m->pairs = PyMem_Calloc(8192, 1); m->threes = PyMem_Calloc(8192, 1); m->slots = PyMem_Malloc(m->nslots * sizeof(Slot));
    if (!m->bits || !m->any_bits || !m->pairs || !m->threes || !m->slots) return PyErr_NoMemory();
    for (size_t i = 0; i < m->nslots; i++) m->slots[i] = (Slot){0, -1};
    m->pair_head = -1;
    for (int i = 0; i < (int)m->literals.count; i++) {
        Literal *l = &AT(m->literals, Literal, i);
        const uint8_t *p = (uint8_t *)m->bytes.items + l->text + l->at;
        if (l->len == 2) {
            uint32_t pair = p[0] | (uint32_t)p[1] << 8;
            put_in(m->pairs, pair);
            l->next = m->pair_head; m->pair_head = i;
            continue;
        }
        uint32_t gram;
        if (l->len == 3) {
            gram = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
            put_in(m->threes, mixed(gram) >> 16);
            for (uint32_t last = 0; last < 256; last++) {
                set_bits(m->bits, mixed(gram | last << 24));
                if (!l->fields) set_bits(m->any_bits, mixed(gram | last << 24));
            }
        } else {
            gram = four(p);
            set_bits(m->bits, mixed(gram));
            if (!l->fields) set_bits(m->any_bits, mixed(gram));
        }
        Slot *slot = slot_of(m, gram);
        slot->gram = gram; l->next = slot->head; slot->head = i;
    }
    Py_RETURN_NONE;
}

/* ---- one event ---------------------------------------------------------------------------------------------------- */

static void fold(uint8_t *to, const uint8_t *from, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = (uint8_t)(from[i] + ((uint8_t)(from[i] - 'A') < 26) * 32);
}

/* Make room for a value of up to n bytes; NULL is an error. */
static uint8_t *begin_value(Matcher *m, size_t n) {
    if (m->arena.count + n + 2 > INT32_MAX / 2) { PyErr_SetString(PyExc_ValueError, "an event of over a gigabyte"); return NULL; }
    if (grow(&m->arena, 1, n + 1 + PAD) || grow(&m->spans, sizeof(Span), 1)) return NULL;
    return (uint8_t *)m->arena.items + m->arena.count;
}

/* A value of n bytes was written there. */
static void end_value(Matcher *m, int field, size_t n, int foreign) {
    ((uint8_t *)m->arena.items)[m->arena.count + n] = FRAME;
    Span s = {field, (uint32_t)m->arena.count, (uint32_t)n, -1, foreign};
    m->arena.count += n + 1;
    int me = (int)m->spans.count++;
    AT(m->spans, Span, me) = s;
    if (field < 0) return;
    if (m->head_seen[field] != m->epoch) { m->head_seen[field] = m->epoch; m->heads[field] = me; }
    else AT(m->spans, Span, m->tails[field]).next = me;
    m->tails[field] = me;
}

static int add_bytes(Matcher *m, int field, const char *text, size_t n, int ready) {
    uint8_t *p = begin_value(m, n);
    if (!p) return -1;
    if (ready) memcpy(p, text, n); else fold(p, (const uint8_t *)text, n);
    end_value(m, field, n, ready > 1);
    return 0;
}

/* A text of Latin-1, as str.casefold and UTF-8 make it: capitals of both halves, the micro sign, sharp s. */
static int add_latin(Matcher *m, int field, const uint8_t *text, size_t n) {
    uint8_t *p = begin_value(m, n * 2), *to = p;
    if (!p) return -1;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text[i];
        if (c < 0x80) { *to++ = (uint8_t)(c + ((uint8_t)(c - 'A') < 26) * 32); continue; }
        if (c == 0xDF) { *to++ = 's'; *to++ = 's'; continue; }
        if (c == 0xB5) { *to++ = 0xCE; *to++ = 0xBC; continue; }
        if (c >= 0xC0 && c <= 0xDE && c != 0xD7) c += 32;
        *to++ = (uint8_t)(0xC0 | c >> 6);
        *to++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    end_value(m, field, to - p, 1);
    return 0;
}

static int add_str(Matcher *m, int field, PyObject *value) {
    Py_ssize_t n;
    if (PyUnicode_IS_ASCII(value)) {
        const char *text = PyUnicode_AsUTF8AndSize(value, &n);
        return text ? add_bytes(m, field, text, n, 0) : -1;
    }
    if (PyUnicode_KIND(value) == PyUnicode_1BYTE_KIND) return add_latin(m, field, PyUnicode_1BYTE_DATA(value), PyUnicode_GET_LENGTH(value));
    PyObject *folded = PyObject_CallMethod(value, "casefold", NULL);
    PyObject *encoded = folded ? PyUnicode_AsEncodedString(folded, "utf-8", "surrogatepass") : NULL;
    Py_XDECREF(folded);
    int done = encoded ? add_bytes(m, field, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded), 2) : -1;
    Py_XDECREF(encoded);
    return done;
}

static int add_value(Matcher *m, int field, PyObject *value) {
    if (PyUnicode_CheckExact(value)) return add_str(m, field, value);
    if (value == Py_True) return add_bytes(m, field, "true", 4, 1);
    if (value == Py_False) return add_bytes(m, field, "false", 5, 1);
    PyObject *text = PyObject_CallOneArg(m->text_of, value);
    if (!text) return -1;
    int done = PyUnicode_Check(text) ? add_str(m, field, text) : (PyErr_SetString(PyExc_TypeError, "no text"), -1);
    Py_DECREF(text);
    return done;
}

static int add_number(Matcher *m, int field, PyObject *value) {
    int over; char digits[32];
    long long number = PyLong_AsLongLongAndOverflow(value, &over);
    if (over || (number == -1 && PyErr_Occurred())) return over ? add_value(m, field, value) : -1;
    int n = PyOS_snprintf(digits, sizeof digits, "%lld", number);
    return add_bytes(m, field, digits, n, 1);
}

int add_any(Matcher *m, int field, PyObject *value) {
    return PyLong_CheckExact(value) ? add_number(m, field, value) : add_value(m, field, value);
}

int find_field(Matcher *m, PyObject *name) {
    if (!PyUnicode_Check(name)) return -1;
    int skip = PySet_Contains(m->unsearched, name), id = skip < 0 ? -2 : skip ? -3 : field_id(m, name, 0);
    if (id == -2) return id;
    size_t i = place_of(name);
    Py_INCREF(name); Py_XSETREF(m->cache_key[i], name); m->cache_id[i] = id;
    return id;
}

int begin_arena(Matcher *m) {
    m->arena.count = m->spans.count = 0;
    m->indexed = 0;
    m->epoch++;
    if (m->nfields > m->heads_room) {
        int room = m->nfields * 2;
        int *heads = PyMem_Realloc(m->heads, room * sizeof(int));
        if (heads) m->heads = heads;
        int *tails = PyMem_Realloc(m->tails, room * sizeof(int));
        if (tails) m->tails = tails;
        uint64_t *seen = PyMem_Realloc(m->head_seen, room * sizeof(uint64_t));
        if (seen) m->head_seen = seen;
        if (!heads || !tails || !seen) { PyErr_NoMemory(); return -1; }
        memset(m->head_seen + m->heads_room, 0, (room - m->heads_room) * sizeof(uint64_t));
        m->heads_room = room;
    }
    if (grow(&m->arena, 1, 1 + PAD)) return -1;
    AT(m->arena, uint8_t, m->arena.count++) = FRAME;
    return 0;
}

int lay_out(Matcher *m, PyObject *event) {
    PyObject *name, *value; Py_ssize_t position = 0;
    if (begin_arena(m)) return -1;
    while (PyDict_Next(event, &position, &name, &value)) {
        if (value == Py_None) continue;
        int field = known_field(m, name);
        if (field == -2) return -1;
        if (field == -3 || (field == -1 && !m->anywhere)) continue;
        if (!PyList_Check(value)) { if (add_any(m, field, value)) return -1; continue; }
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); i++)
            if (add_any(m, field, PyList_GET_ITEM(value, i))) return -1;
    }
    memset((uint8_t *)m->arena.items + m->arena.count, 0, PAD);
    return 0;
}

static void note(Matcher *m, int head, const Span *s, uint32_t p) {
    const uint8_t *arena = m->arena.items, *bytes = m->bytes.items;
    for (int i = head; i >= 0; i = AT(m->literals, Literal, i).next) {
        Literal *l = &AT(m->literals, Literal, i);
        if (l->seen == m->epoch || p < l->at + s->start - 1 || (uint64_t)p - l->at + l->len > (uint64_t)s->start + s->len + 1) continue;
        if (memcmp(arena + p - l->at, bytes + l->text, l->len)) continue;
        int here = !l->fields;
        for (int k = 0; k < l->fields && !here; k++) here = AT(m->ids, int, l->field0 + k) == s->field;
        if (!here) continue;
        l->seen = m->epoch;
        for (int k = 0; k < l->rules; k++) { int rule = AT(m->rule_ids, int, l->rule0 + k); m->marks[rule >> 6] |= (uint64_t)1 << (rule & 63); }
    }
}

static void look_up(Matcher *m, uint32_t gram, const Span *s, uint32_t p) {
    Slot *slot = slot_of(m, gram);
    if (slot->head >= 0) note(m, slot->head, s, p);
    gram &= 0xFFFFFF;
    if (!in_set(m->threes, mixed(gram) >> 16)) return;
    slot = slot_of(m, gram);
    if (slot->head >= 0) note(m, slot->head, s, p);
}

void search(Matcher *m, const uint64_t *bits) {
    const uint8_t *arena = m->arena.items;
    for (size_t i = 0; i < m->spans.count; i++) {
        const Span *s = &AT(m->spans, Span, i);
        uint32_t last = s->start + s->len;              /* where its closing frame stands */
        for (uint32_t p = s->start - 1; p + 1 < last; p++) {
            uint32_t gram = four(arena + p);
            if (has_bits(bits, mixed(gram))) look_up(m, gram, s, p);
        }
        if (m->pair_head < 0 || !s->foreign) continue;
        for (uint32_t p = s->start; p + 1 < last; p++)
            if (arena[p] >= 0xC2 && in_set(m->pairs, arena[p] | (uint32_t)arena[p + 1] << 8)) note(m, m->pair_head, s, p);
    }
}
