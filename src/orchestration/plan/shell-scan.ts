import {
  ASSIGNMENT,
  EVALUATORS,
  FRESH,
  type Frame,
  type Heredoc,
  isText,
  joinReading,
  PLACES,
  type Previous,
  QUOTED,
  RESERVED,
  type Reading,
  SUBSCRIPTED,
  UNSURE,
  VALUE,
} from './shell-reading.ts';

type State = {
  frames: Frame[];
  heredocs: Heredoc[];
  heredocLine: string;
  previous: Previous;
  reading: Reading;
};

/**
 * Follows the text of a bash script from character to character and says at each place whether a quoted word may stand
 * there. `'a b'` is one word only where the shell reads code: between double quotes its quotes would be text, in a
 * comment its newline would end the comment.
 *
 * What it knows: quotes of all kinds, `\`, `$(…)`, `${…}`, `$((…))`, backticks, comments, here-documents, array
 * lists, subscripts, where a command begins, and the commands that read a word a second time (`eval`, `let`, `trap`,
 * `[[`, `-c`). Where it is not sure it refuses. What it cannot know: what a program does with a word that it was
 * rightly handed (`test -v`, `declare -i`, `printf -v`, `ssh HOST`, `awk` all evaluate some of theirs), and whether a
 * word that begins with `-` is taken for an option. It guards against mistakes, not against the author of a template,
 * who can run anything on the box anyway.
 */
export class ShellScan {
  #state: State = {
    frames: [{ kind: 'script', line: 1, depth: 0, outer: FRESH }],
    heredocs: [],
    heredocLine: '',
    previous: 'start',
    reading: { ...FRESH },
  };
  readonly #refuse: (line: number, reason: string) => never;

  /** @param refuse told the template's line and the reason; must throw. */
  constructor(refuse: (line: number, reason: string) => never) {
    this.#refuse = refuse;
  }

  /** The same place, to be followed on by itself (one branch of a block). */
  fork(): ShellScan {
    const copy = new ShellScan(this.#refuse);
    copy.#state = structuredClone(this.#state);
    return copy;
  }

  /** Goes on from where two branches have met; they must agree on which quotes are open. */
  join(other: ShellScan, line: number): void {
    const [a, b] = [this.#state, other.#state];
    const shape = (state: State): string =>
      JSON.stringify([state.frames.map(({ kind, depth }) => [kind, depth]), state.heredocs, state.heredocLine]);
    const isOpenEnded = (state: State): boolean => state.previous === 'escape' || state.previous === 'dollar';
    if (shape(a) !== shape(b) || (a.previous !== b.previous && (isOpenEnded(a) || isOpenEnded(b)))) {
      this.#refuse(line, 'a quote, bracket or here-document opens or closes in one branch of this block only');
    }
    if (a.previous !== b.previous) a.previous = 'mixed';
    a.reading = joinReading(a.reading, b.reading);
  }

  /** A value of the template stands here. Numbers and flags may stand in quotes; words may not. */
  value(name: string, kind: 'word' | 'plain', line: number): void {
    const { previous, reading } = this.#state;
    const refuse = (reason: string): never => this.#refuse(line, `{{${name}}} ${reason}`);
    if (previous === 'escape') refuse('stands right behind a backslash, which would take its first quote away');
    if (previous === 'dollar') refuse('stands right behind a $, which would make something else of it');
    const { kind: place } = this.#top();
    if (place === 'heredoc') this.#state.heredocLine += VALUE;
    if (kind === 'word') {
      if (isText(place)) refuse(`stands ${PLACES[place]}; it is a quoted word already, so write it bare`);
      const { command, previousWord, isRedirect, word } = reading;
      if (command !== null && EVALUATORS.has(command)) refuse(`is handed to ${command}, which would evaluate it`);
      if (previousWord === '-c') refuse('stands behind -c, where it would be run as a program');
      if (command === null && !isRedirect && place !== 'array' && !ASSIGNMENT.test(word)) {
        refuse(
          'begins a command, where it could be read as a keyword or an assignment; write exec or command before it',
        );
      }
      if (/(^|[=:])~$/.test(word)) refuse('stands right behind a ~, which would make a home folder of it');
    }
    if (!isText(place)) reading.word += VALUE;
    this.#state.previous = 'word';
  }

  /** The script ends: everything that was opened must be closed. */
  end(line: number): void {
    const open = this.#state.frames.find(({ kind }) => kind !== 'script' && kind !== 'comment');
    if (open !== undefined)
      this.#refuse(open.line, `what opens here (${open.kind}) is not closed by the template's end`);
    if (this.#state.heredocs.length > 0) this.#refuse(line, 'a here-document has no body');
  }

  /** Text of the template itself. `line` is where it begins. */
  text(text: string, line: number): void {
    let at = line;
    for (let index = 0; index < text.length; ) {
      const char = text.charAt(index);
      index += this.#step(char, text, index, at);
      if (char === '\n') at += 1;
    }
  }

  #top(): Frame {
    const { frames } = this.#state;
    return frames[frames.length - 1] ?? { kind: 'script', line: 1, depth: 0, outer: FRESH };
  }

  #push(kind: Frame['kind'], line: number, depth = 0): void {
    const state = this.#state;
    if (!isText(kind)) {
      state.frames.push({ kind, line, depth, outer: state.reading });
      state.reading = { ...FRESH };
      state.previous = 'start';
      return;
    }
    state.frames.push({ kind, line, depth, outer: state.reading });
    state.previous = 'word';
  }

  #pop(): void {
    const frame = this.#state.frames.pop();
    if (frame === undefined) return;
    if (!isText(frame.kind)) this.#state.reading = { ...frame.outer };
    if (!isText(this.#top().kind) && frame.kind !== 'comment' && frame.kind !== 'heredoc')
      this.#state.reading.word += QUOTED;
    this.#state.previous = 'word';
  }

  /** Reads one character (or an operator of several) and says how many it took. */
  #step(char: string, text: string, index: number, line: number): number {
    const state = this.#state;
    const frame = this.#top();
    const { previous } = state;
    if (frame.kind === 'heredoc') return this.#heredocChar(char);
    if (frame.kind === 'comment') {
      if (char !== '\n') return 1;
      this.#pop();
      return this.#codeChar(char, text, index, line);
    }
    if (frame.kind === 'single') {
      if (char === "'") this.#pop();
      return 1;
    }
    if (previous === 'escape') {
      state.previous = 'word';
      if (!isText(frame.kind) && char === '\n') state.previous = state.reading.word === '' ? 'start' : 'word';
      else if (!isText(frame.kind)) state.reading.word += QUOTED;
      return 1;
    }
    if (char === '\\') {
      state.previous = 'escape';
      return 1;
    }
    if (frame.kind === 'ansi' || frame.kind === 'backtick') {
      if (char === (frame.kind === 'ansi' ? "'" : '`')) this.#pop();
      return 1;
    }
    return this.#expansion(char, text, index, line) ?? this.#codeOrText(char, text, index, line);
  }

  /** What means the same in code, double quotes, ${…} and arithmetic. */
  #expansion(char: string, text: string, index: number, line: number): number | null {
    const state = this.#state;
    if (char === '`') this.#push('backtick', line);
    else if (state.previous === 'dollar' && char === '(') {
      const isArithmetic = text.charAt(index + 1) === '(';
      this.#push(isArithmetic ? 'arithmetic' : 'substitution', line, isArithmetic ? 2 : 0);
      return isArithmetic ? 2 : 1;
    } else if (state.previous === 'dollar' && char === '{') this.#push('expansion', line);
    else if (state.previous === 'dollar' && char === '[') this.#push('subscript', line);
    else if (char === '$' && state.previous !== 'dollar') state.previous = 'dollar';
    else return null;
    return 1;
  }

  #codeOrText(char: string, text: string, index: number, line: number): number {
    const { kind } = this.#top();
    if (kind === 'double') {
      this.#state.previous = 'word';
      if (char === '"') this.#pop();
      return 1;
    }
    if (kind !== 'expansion' && kind !== 'arithmetic' && kind !== 'subscript') {
      return this.#codeChar(char, text, index, line);
    }
    return this.#nestedChar(char, line);
  }

  /** Inside ${…}, ((…)) and name[…]. */
  #nestedChar(char: string, line: number): number {
    const frame = this.#top();
    this.#state.previous = 'word';
    if (char === '"') this.#push('double', line);
    else if (char === "'") {
      if (this.#state.frames.some(({ kind }) => kind === 'double')) {
        this.#refuse(
          line,
          "a ' in a parameter expansion in double quotes is read in more than one way; write it without",
        );
      }
      this.#push('single', line);
    } else if (frame.kind === 'expansion' ? char === '}' : frame.kind === 'subscript' && char === ']') this.#pop();
    else if (frame.kind === 'arithmetic') {
      frame.depth += char === '(' ? 1 : char === ')' ? -1 : 0;
      if (frame.depth === 0) this.#pop();
    }
    return 1;
  }

  #codeChar(char: string, text: string, index: number, line: number): number {
    const state = this.#state;
    const { reading } = state;
    const wasDollar = state.previous === 'dollar';
    if (char === "'" || char === '"') {
      this.#push(char === '"' ? 'double' : wasDollar ? 'ansi' : 'single', line);
      return 1;
    }
    if (char === '#' && state.previous === 'mixed') {
      this.#refuse(
        line,
        'whether this # begins a comment hangs on a block before it; put a space or a quote before it',
      );
    }
    if (char === '#' && state.previous === 'start') {
      this.#push('comment', line);
      return 1;
    }
    if (char === ' ' || char === '\t') this.#endWord(line);
    else if ('\n;&|'.includes(char)) this.#endCommand(char, line);
    else if (char === '(') return this.#openBracket(text, index, line);
    else if (char === ')') this.#closeBracket(line);
    else if (char === '<' && text.startsWith('<<', index)) return this.#openHeredoc(text, index, line);
    else if (char === '<' || char === '>') {
      this.#endWord(line);
      reading.isRedirect = true;
    } else if (char === '[' && SUBSCRIPTED.test(reading.word)) this.#push('subscript', line);
    else {
      reading.word += char;
      state.previous = 'word';
    }
    return 1;
  }

  #openBracket(text: string, index: number, line: number): number {
    const { reading } = this.#state;
    if (ASSIGNMENT.test(reading.word) && reading.word.endsWith('=')) {
      this.#push('array', line);
      return 1;
    }
    if (reading.command === null && reading.word === '' && text.startsWith('((', index)) {
      this.#push('arithmetic', line, 2);
      return 2;
    }
    this.#top().depth += 1;
    this.#endCommand('(', line);
    return 1;
  }

  #closeBracket(line: number): void {
    const frame = this.#top();
    if (frame.depth > 0) frame.depth -= 1;
    else if (frame.kind !== 'script') {
      this.#endWord(line);
      this.#pop();
      return;
    }
    this.#endCommand(')', line);
  }

  #endWord(line: number): void {
    const { reading } = this.#state;
    const { word } = reading;
    this.#state.previous = 'start';
    if (word === '') return;
    reading.word = '';
    if (this.#top().kind === 'array') return;
    reading.previousWord = word;
    if (reading.isRedirect) {
      reading.isRedirect = false;
      return;
    }
    if (reading.command !== null || RESERVED.has(word) || ASSIGNMENT.test(word) || word.includes(UNSURE)) return;
    if (word === 'case' && this.#top().kind === 'substitution') {
      this.#refuse(line, 'a case inside $(…) is not followed; put it into a function');
    }
    reading.command = word;
  }

  #endCommand(char: string, line: number): void {
    this.#endWord(line);
    const state = this.#state;
    if (this.#top().kind === 'array') return;
    state.reading = { ...FRESH };
    if (char === '\n' && state.heredocs.length > 0) {
      this.#push('heredoc', line + 1);
      state.heredocLine = '';
    }
  }

  #openHeredoc(text: string, index: number, line: number): number {
    this.#endWord(line);
    if (text.startsWith('<<<', index)) {
      this.#state.reading.isRedirect = true;
      return 3;
    }
    const opened = /^<<(-?)[ \t]*((?:'[^'\n]*'|"[^"\n]*"|\\.|[^\s'"\\;&|()<>])+)(?=[\s;&|()<>])/.exec(
      text.slice(index),
    );
    if (opened === null)
      return this.#refuse(line, 'the delimiter of this here-document must be plain text of the template');
    const delimiter = (opened[2] ?? '').replaceAll(/['"\\]/g, '');
    this.#state.heredocs.push({ delimiter, stripsTabs: opened[1] === '-' });
    return opened[0].length;
  }

  #heredocChar(char: string): number {
    const state = this.#state;
    if (char !== '\n') {
      state.heredocLine += char;
      return 1;
    }
    const [first, ...rest] = state.heredocs;
    const line = first?.stripsTabs ? state.heredocLine.replace(/^\t+/, '') : state.heredocLine;
    state.heredocLine = '';
    if (first !== undefined && line === first.delimiter) {
      state.heredocs = rest;
      if (rest.length === 0) {
        this.#pop();
        state.previous = 'start';
      }
    }
    return 1;
  }
}
