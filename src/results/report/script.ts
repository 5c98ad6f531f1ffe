/**
 * The page's script: filters and shows the embedded answers, a page of them at a time, each one's texts only when it is
 * opened. It puts text into the page as text alone (`append` of strings, `textContent`): no markup is ever parsed.
 * Its hash is in the page's policy. Plain JavaScript for any browser of the last years.
 */
export const SCRIPT = String.raw`'use strict';
(() => {
  const PAGE = 50;
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId('data').textContent);
  const unseen = new RegExp(data.unseen, 'gu');
  const number = new Intl.NumberFormat('en-US');
  const list = byId('list');
  const more = byId('more');
  const filters = { task: byId('by-task'), origin: byId('by-origin'), outcome: byId('by-outcome'), text: byId('by-text') };
  let matching = [];
  let shown = 0;

  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };

  /* Foreign text: unseen characters spelt out, what was searched for marked. */
  const appendText = (parent, text) => {
    let from = 0;
    for (const match of text.matchAll(unseen)) {
      appendMarked(parent, text.slice(from, match.index));
      const code = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
      parent.append(make('span', 'unseen', 'U+' + code));
      from = match.index + match[0].length;
    }
    appendMarked(parent, text.slice(from));
  };
  const appendMarked = (parent, text) => {
    const wanted = filters.text.value.toLowerCase();
    const lower = text.toLowerCase();
    let from = 0;
    if (wanted !== '' && lower.length === text.length) {
      for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, from)) {
        parent.append(text.slice(from, at), make('mark', '', text.slice(at, at + wanted.length)));
        from = at + wanted.length;
      }
    }
    if (from < text.length) parent.append(text.slice(from));
  };
  /* A text, or its two ends and how much is left out between them. */
  const appendCut = (parent, value, file) => {
    if (typeof value === 'string') return appendText(parent, value);
    appendText(parent, value[0]);
    parent.append(make('span', 'cut', '… ' + number.format(value[1]) + ' more characters, in ' + file + ' …'));
    appendText(parent, value[2]);
  };
  const whole = (value) => (typeof value === 'string' ? value : value[0] + '\n' + value[2]);
  const isEmpty = (value) => value === null || value === undefined || value === '';

  const block = (parent, title, value, file) => {
    const box = make('pre');
    box.tabIndex = 0;
    box.setAttribute('aria-label', title);
    if (value === '') box.append(make('span', 'cut', 'empty'));
    else appendCut(box, value, file);
    parent.append(make('h4', '', title), box);
  };

  const verdict = (answer) => {
    if (answer.origin === 'broken' && answer.outcome === 'correct') return 'passed, and must not';
    return data.outcomes[answer.outcome];
  };
  const isBad = (answer) =>
    (answer.origin === 'broken' && answer.outcome === 'correct') ||
    (answer.origin === 'reference' && answer.outcome !== 'correct');

  const facts = (answer) => {
    const parts = [];
    if (answer.score !== null) parts.push('score ' + answer.score);
    if (answer.grader !== null) parts.push('graded by ' + answer.grader);
    if (answer.sandbox !== null) parts.push('sandbox ' + answer.sandbox);
    if (answer.origin === 'model') {
      parts.push('finished by ' + answer.finishReason);
      if (answer.promptTokens !== null) parts.push(number.format(answer.promptTokens) + ' prompt tokens');
      if (answer.completionTokens !== null) parts.push(number.format(answer.completionTokens) + ' completion tokens');
      parts.push((answer.durationMs / 1000).toFixed(1) + ' s');
    } else parts.push('written by: ' + data.origins[answer.origin]);
    const line = make('p', 'note');
    appendText(line, parts.join(' · '));
    return line;
  };

  const fill = (body, answer) => {
    body.append(facts(answer));
    const question = answer.question === null ? null : data.questions[answer.question];
    if (question !== null) {
      for (const message of question.messages) {
        block(body, message.role === 'user' ? 'Prompt' : 'Prompt (' + message.role + ')', message.content, 'samples.jsonl');
      }
    }
    if (!isEmpty(answer.reasoning)) block(body, 'Reasoning', answer.reasoning, 'generations.jsonl');
    block(body, answer.origin === 'model' ? 'Generation' : 'Control text', answer.text, 'generations.jsonl');
    if (!isEmpty(answer.error)) block(body, 'Error of the server', answer.error, 'generations.jsonl');
    const verdicts = make('div', 'verdicts');
    const put = (title, value, file) => {
      if (value === null) return;
      const column = make('div');
      block(column, title, value, file);
      verdicts.append(column);
    };
    put('Answer that was read', answer.answer, 'grades.jsonl');
    put('Expected', question === null ? null : question.target, 'samples.jsonl');
    put('Reason of the verdict', isEmpty(answer.reason) ? null : answer.reason, 'grades.jsonl');
    body.append(verdicts);
  };

  const row = (answer) => {
    const head = make('summary', '', make('span', 'badge outcome-' + answer.outcome + (isBad(answer) ? ' bad' : ''), verdict(answer)));
    const id = make('bdi', 'id');
    appendText(id, answer.sampleId + (answer.index > 0 ? ' · sample ' + (answer.index + 1) : ''));
    const where = make('bdi', 'aside');
    appendText(where, data.names[answer.task] + (answer.origin === 'model' ? '' : ' · ' + data.origins[answer.origin]));
    const preview = make('bdi', 'preview');
    const said = whole(answer.text).trim();
    appendText(preview, (isEmpty(answer.answer) ? said : '→ ' + whole(answer.answer)).slice(0, 160).replace(/\s+/g, ' '));
    head.append(id, where, preview);
    const details = make('details', 'answer', head);
    details.addEventListener('toggle', () => {
      if (!details.open || details.childElementCount > 1) return;
      const body = make('div', 'body');
      fill(body, answer);
      details.append(body);
    });
    return details;
  };

  const matchesFilters = (entry) =>
    (filters.task.value === '' || String(entry.task) === filters.task.value) &&
    (filters.origin.value === '' || entry.origin === filters.origin.value) &&
    (filters.outcome.value === '' || entry.outcome === filters.outcome.value);
  const says = (answer, wanted) => {
    const has = (value) => !isEmpty(value) && whole(value).toLowerCase().includes(wanted);
    const question = answer.question === null ? null : data.questions[answer.question];
    return (
      [answer.sampleId, answer.text, answer.reasoning, answer.answer, answer.reason, answer.error].some(has) ||
      (question !== null && (has(question.target) || question.messages.some((message) => has(message.content))))
    );
  };

  const tell = () => {
    const recorded = data.piles.filter(matchesFilters).reduce((sum, pile) => sum + pile.total, 0);
    const found = number.format(matching.length) + (matching.length === 1 ? ' answer' : ' answers');
    const of = recorded > matching.length ? ' (of ' + number.format(recorded) + ' recorded of this kind)' : '';
    const now = shown < matching.length ? ', the first ' + number.format(shown) + ' shown' : '';
    byId('status').textContent = matching.length === 0 ? 'No answer here matches.' : found + of + now + '.';
    more.hidden = shown >= matching.length;
    more.textContent = 'Show ' + number.format(Math.min(PAGE, matching.length - shown)) + ' more';
  };
  const showMore = () => {
    const rows = matching.slice(shown, shown + PAGE).map(row);
    shown += rows.length;
    list.append(...rows);
    tell();
    return rows[0];
  };
  const refresh = () => {
    const wanted = filters.text.value.toLowerCase();
    matching = data.answers.filter((answer) => matchesFilters(answer) && (wanted === '' || says(answer, wanted)));
    shown = 0;
    list.replaceChildren();
    showMore();
  };

  /* Only outcomes that are there can be chosen; each with how many. */
  const listOutcomes = () => {
    const before = filters.outcome.value;
    filters.outcome.value = '';
    const counts = new Map();
    for (const pile of data.piles.filter(matchesFilters)) {
      counts.set(pile.outcome, (counts.get(pile.outcome) || 0) + pile.total);
    }
    const options = [new Option('all', '')];
    for (const [outcome, label] of Object.entries(data.outcomes)) {
      if (counts.has(outcome)) options.push(new Option(label + ' (' + number.format(counts.get(outcome)) + ')', outcome));
    }
    filters.outcome.replaceChildren(...options);
    filters.outcome.value = counts.has(before) ? before : '';
  };

  for (const filter of [filters.task, filters.origin]) {
    filter.addEventListener('change', () => {
      listOutcomes();
      refresh();
    });
  }
  filters.outcome.addEventListener('change', refresh);
  let waiting = 0;
  filters.text.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 150);
  });
  byId('filters').addEventListener('submit', (event) => event.preventDefault());
  more.addEventListener('click', () => {
    const first = showMore();
    if (first !== undefined) first.firstElementChild.focus();
  });
  for (const link of document.querySelectorAll('a[data-outcome]')) {
    link.addEventListener('click', () => {
      filters.task.value = link.dataset.task;
      filters.origin.value = 'model';
      filters.text.value = '';
      listOutcomes();
      filters.outcome.value = link.dataset.outcome;
      refresh();
    });
  }
  byId('filters').hidden = false;
  listOutcomes();
  refresh();
})();
`;
