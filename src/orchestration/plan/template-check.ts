import type Handlebars from 'handlebars';
import { GpuEvalError } from '../../core/errors.ts';
import { nearMiss } from '../../core/near-miss.ts';
import { ShellScan } from './shell-scan.ts';
import type { ValueEntry, ValueKind, ValueSchema } from './template-values.ts';

type Ast = ReturnType<typeof Handlebars.parse>;

/** A parsed template with the name that it is known by, and where it was read from. */
export type ParsedTemplate = { readonly name: string; readonly origin: string; readonly program: Ast };

/** A value that a template needs, with the first place that needs it. */
export type NeededValue = { readonly template: string; readonly line: number; readonly entry: ValueEntry };

type Known = Pick<ValueEntry, 'kind' | 'optional'>;
type Scope =
  /** The values of the template, unless `isBare`; `given` are those that a partial was handed by name. */
  | {
      readonly kind: 'values';
      readonly isBare?: true;
      readonly given: ReadonlyMap<string, Known>;
      readonly present: ReadonlySet<string>;
    }
  /** One word of a list ({{#each}}) or one value ({{#with}}): nothing but `this`. */
  | { readonly kind: 'item'; readonly item: ValueKind; readonly isEach: boolean };

/** Where the walk is: which template's text, and which scopes are around it. */
type Place = {
  readonly template: ParsedTemplate;
  readonly scopes: readonly Scope[];
  readonly callers: readonly string[];
  readonly scan: ShellScan;
};
type Found = Known & { readonly name: string };

const HELPERS = new Set(['if', 'unless', 'each', 'with']);
const LOOP_VALUES: Readonly<Record<string, ValueKind>> = { index: 'number', first: 'flag', last: 'flag' };

/**
 * Checks every path of a template against the values that it may take, partials and the arguments of blocks included
 * (where Handlebars's strict mode is silent), and that no word stands where its quotes would not be quotes.
 * @returns the values that it needs, by name.
 * @throws {GpuEvalError} `config` with template, line, reason and the near miss.
 */
export function checkTemplate(
  template: ParsedTemplate,
  schema: ValueSchema,
  partials: ReadonlyMap<string, ParsedTemplate>,
): ReadonlyMap<string, NeededValue> {
  return new Check(schema, partials).run(template);
}

class Check {
  readonly #schema: ValueSchema;
  readonly #partials: ReadonlyMap<string, ParsedTemplate>;
  readonly #needed = new Map<string, NeededValue>();

  constructor(schema: ValueSchema, partials: ReadonlyMap<string, ParsedTemplate>) {
    this.#schema = schema;
    this.#partials = partials;
  }

  run(template: ParsedTemplate): ReadonlyMap<string, NeededValue> {
    // A scan's refusal names the template whose text is being read, which changes inside partials.
    const place: Place = {
      template,
      scopes: [{ kind: 'values', given: new Map(), present: new Set() }],
      callers: [template.name],
      scan: new ShellScan((line, reason) => refuse(this.#reading, line, reason)),
    };
    this.#reading = template;
    this.#walk(template.program, place);
    place.scan.end(template.program.loc.end.line);
    return this.#needed;
  }

  #reading: ParsedTemplate = { name: '', origin: '', program: emptyProgram };

  #walk(program: hbs.AST.Program | undefined, place: Place): void {
    for (const statement of program?.body ?? []) this.#statement(statement, place);
  }

  #statement(statement: hbs.AST.Statement, place: Place): void {
    const { line } = statement.loc.start;
    switch (statement.type) {
      case 'ContentStatement': {
        const content = statement as hbs.AST.ContentStatement;
        // The text as written, before whitespace around blocks was taken away; its type is wrong in Handlebars's own file.
        const original = String(content.original);
        const cut = Math.max(0, original.indexOf(content.value));
        place.scan.text(content.value, line + original.slice(0, cut).split('\n').length - 1);
        break;
      }
      case 'CommentStatement':
        break;
      case 'MustacheStatement':
        this.#mustache(statement as hbs.AST.MustacheStatement, place);
        break;
      case 'BlockStatement':
        this.#block(statement as hbs.AST.BlockStatement, place);
        break;
      case 'PartialStatement':
        this.#partial(statement as hbs.AST.PartialStatement, place);
        break;
      default:
        refuse(
          place.template,
          line,
          `${statement.type} is not known here: only values, if, unless, each, with and partials`,
        );
    }
  }

  #mustache(mustache: hbs.AST.MustacheStatement, place: Place): void {
    const { line } = mustache.loc.start;
    if (mustache.params.length > 0 || mustache.hash !== undefined) {
      refuse(
        place.template,
        line,
        'a value takes no arguments, and there are no helpers but if, unless, each and with',
      );
    }
    const found = this.#resolve(mustache.path, place);
    if (found.kind === 'words') {
      refuse(place.template, line, `${found.name} is a list; write {{#each ${found.name}}} {{this}}{{/each}}`);
    }
    if (found.optional === true) {
      refuse(place.template, line, `${found.name} may be absent; put it inside {{#if ${found.name}}} … {{/if}}`);
    }
    place.scan.value(found.name, found.kind === 'word' ? 'word' : 'plain', line);
  }

  #block(block: hbs.AST.BlockStatement, place: Place): void {
    const { line } = block.loc.start;
    const helper = block.path.type === 'PathExpression' ? (block.path as hbs.AST.PathExpression).original : '';
    if (!HELPERS.has(helper)) {
      refuse(place.template, line, `there is no block ${helper}: only if, unless, each and with`);
    }
    if (block.program.blockParams !== undefined && block.program.blockParams.length > 0) {
      refuse(place.template, line, 'there are no names by as |name|; inside {{#each}} and {{#with}} write {{this}}');
    }
    const argument = block.params[0];
    if (argument === undefined || block.params.length > 1 || block.hash !== undefined) {
      refuse(place.template, line, `{{#${helper}}} takes one value, and nothing else`);
    }
    const found = this.#resolve(argument, place);
    if (helper === 'each' || helper === 'with') {
      this.#scoped(helper, block, found, place);
      return;
    }
    const [whenSet, whenNot] = helper === 'if' ? [block.program, block.inverse] : [block.inverse, block.program];
    const other = { ...place, scan: place.scan.fork() };
    this.#walk(whenSet, { ...place, scopes: withPresent(place.scopes, argument, found) });
    this.#walk(whenNot, other);
    place.scan.join(other.scan, line);
  }

  #scoped(helper: 'each' | 'with', block: hbs.AST.BlockStatement, found: Found, place: Place): void {
    const { line } = block.loc.start;
    const isEach = helper === 'each';
    if (isEach !== (found.kind === 'words')) {
      refuse(
        place.template,
        line,
        `${found.name} is a ${found.kind}; {{#${helper}}} takes ${isEach ? 'a list' : 'one value'}`,
      );
    }
    if (place.scopes.at(-1)?.kind === 'item') {
      refuse(place.template, line, `{{#${helper}}} inside {{#each}} or {{#with}} is not followed; put it outside`);
    }
    const item = isEach ? 'word' : found.kind;
    const scopes = [...place.scopes, { kind: 'item', item, isEach } as const];
    const other = { ...place, scan: place.scan.fork() };
    // Twice: what a round leaves open meets the beginning of the next one.
    for (let round = 0; round < (isEach ? 2 : 1); round += 1) {
      const before = place.scan.fork();
      this.#walk(block.program, { ...place, scopes });
      place.scan.join(before, line);
    }
    this.#walk(block.inverse, other);
    place.scan.join(other.scan, line);
  }

  #partial(partial: hbs.AST.PartialStatement, place: Place): void {
    const { line } = partial.loc.start;
    const path = partial.name;
    if (path.type !== 'PathExpression') refuse(place.template, line, 'the name of a partial must stand there as it is');
    const { original } = path as hbs.AST.PathExpression;
    const called = this.#partials.get(original);
    if (called === undefined) {
      const known = [...this.#partials.keys()];
      refuse(place.template, line, `there is no partial ${original}`, didYouMean(original, known));
    }
    if (partial.params.length > 0)
      refuse(place.template, line, 'a partial takes its values by name: {{> name value=other}}');
    if (place.callers.includes(called.name))
      refuse(place.template, line, `the partial ${original} would include itself`);
    const top = place.scopes.at(-1);
    const given = new Map(top?.kind === 'values' ? top.given : []);
    const present = new Set(top?.kind === 'values' ? top.present : []);
    for (const { key, value } of partial.hash?.pairs ?? []) {
      if (value.type === 'NumberLiteral') given.set(key, { kind: 'number' });
      else if (value.type === 'BooleanLiteral') given.set(key, { kind: 'flag' });
      else given.set(key, this.#resolve(value, place));
      present.delete(key);
    }
    const isBare = top?.kind === 'item' || top?.isBare === true;
    const handed: Scope = { kind: 'values', given, present, ...(isBare ? { isBare } : {}) };
    const scope = partial.hash === undefined && top !== undefined ? top : handed;
    this.#reading = called;
    this.#walk(called.program, {
      template: called,
      scopes: [scope],
      callers: [...place.callers, called.name],
      scan: place.scan,
    });
    this.#reading = place.template;
  }

  /** What a path stands for. Only `name`, `this`, `../name`, `@index`, `@first` and `@last` are paths. */
  #resolve(expression: hbs.AST.Expression, place: Place): Found {
    const { line } = expression.loc.start;
    if (expression.type !== 'PathExpression') {
      return refuse(place.template, line, 'only the name of a value can stand here: no text, no number, no call');
    }
    const path = expression as hbs.AST.PathExpression;
    const { original: name, depth, data } = path;
    const parts: readonly string[] = path.parts;
    const [part] = parts;
    const scope = place.scopes.at(-1 - depth);
    if (data) {
      const kind = part === undefined ? undefined : Object.hasOwn(LOOP_VALUES, part) ? LOOP_VALUES[part] : undefined;
      if (kind !== undefined && parts.length === 1 && depth === 0 && scope?.kind === 'item' && scope.isEach)
        return { name, kind };
      return refuse(place.template, line, `${name}: there are only @index, @first and @last, inside {{#each}}`);
    }
    if (scope === undefined) return refuse(place.template, line, `${name} climbs out of the template`);
    if (part === undefined) {
      if (scope.kind === 'item') return { name, kind: scope.item };
      return refuse(place.template, line, `${name} has a meaning only inside {{#each}} and {{#with}}`);
    }
    if (parts.length > 1 || name.startsWith('this') !== part.startsWith('this')) {
      return refuse(place.template, line, `${name}: values have no parts`);
    }
    if (scope.kind === 'item') {
      const hint = Object.hasOwn(this.#schema, part) ? `write ../${part}` : undefined;
      return refuse(place.template, line, `${name}: inside {{#each}} and {{#with}} there is only {{this}}`, hint);
    }
    return { name, ...this.#lookUp(part, name, scope, place, line) };
  }

  #lookUp(part: string, name: string, scope: Scope & { kind: 'values' }, place: Place, line: number): Known {
    const given = scope.given.get(part);
    const entry = !scope.isBare && Object.hasOwn(this.#schema, part) ? this.#schema[part] : undefined;
    const known = given ?? entry;
    if (known === undefined) {
      const names = [...Object.keys(this.#schema), ...scope.given.keys()];
      const all = names.length === 0 ? 'it takes no values' : `it takes ${names.join(', ')}`;
      return refuse(place.template, line, `there is no value ${name}`, didYouMean(part, names) ?? all);
    }
    if (given === undefined && entry !== undefined && !this.#needed.has(part)) {
      this.#needed.set(part, { template: place.template.name, line, entry });
    }
    return scope.present.has(part)
      ? { kind: known.kind }
      : { kind: known.kind, ...(known.optional ? { optional: true } : {}) };
  }
}

/** The scopes of the branch in which an optional value is known to be there. */
function withPresent(scopes: readonly Scope[], argument: hbs.AST.Expression, found: Found): readonly Scope[] {
  const path = argument as hbs.AST.PathExpression;
  const [part] = path.parts;
  if (part === undefined || path.data || !found.optional) return scopes;
  const index = scopes.length - 1 - path.depth;
  return scopes.map((scope, at) =>
    at === index && scope.kind === 'values' ? { ...scope, present: new Set([...scope.present, part]) } : scope,
  );
}

const nowhere = { source: '', start: { line: 1, column: 0 }, end: { line: 1, column: 0 } };
const emptyProgram: Ast = { type: 'Program', body: [], blockParams: [], loc: nowhere };

const didYouMean = (asked: string, known: readonly string[]): string | undefined => {
  const near = nearMiss(asked, known);
  return near === null ? undefined : `did you mean ${near}?`;
};

function refuse(template: ParsedTemplate, line: number, reason: string, hint?: string): never {
  throw new GpuEvalError('config', `template ${template.name}, line ${line}: ${reason}`, {
    why: `read from ${template.origin}`,
    hint: hint ?? 'gpu-eval templates shows every template with the values that it takes',
  });
}
