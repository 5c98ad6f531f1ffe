import Handlebars from 'handlebars';
import { GpuEvalError } from '../../core/errors.ts';
import { nearMiss } from '../../core/near-miss.ts';
import { quote } from '../../core/shell.ts';
import { checkTemplate, type NeededValue, type ParsedTemplate } from './template-check.ts';
import {
  TEMPLATE_VALUES,
  type TemplateName,
  type TemplateValues,
  type ValueEntry,
  type ValueSchema,
} from './template-values.ts';

export type { TemplateName, TemplateValues } from './template-values.ts';

/** A folder of the user's templates, as read: file name → text. */
export type OwnTemplates = { readonly dir: string; readonly files: ReadonlyMap<string, string> };

/** A template as `gpu-eval templates` tells of it. */
export type TemplateListing = {
  readonly name: TemplateName;
  /** `gpu-eval`, or the path of the user's file. */
  readonly origin: string;
  readonly isOwn: boolean;
  readonly source: string;
  readonly values: readonly (ValueEntry & { readonly name: string })[];
};

type Compiled = { readonly needed: ReadonlyMap<string, NeededValue>; readonly write: (context: object) => string };
type Source = { readonly text: string; readonly origin: string; readonly isOwn: boolean };

const NAMES = Object.keys(TEMPLATE_VALUES) as readonly TemplateName[];
const isTemplateName = (name: string): name is TemplateName => Object.hasOwn(TEMPLATE_VALUES, name);
/** Made to be included only; what it may use hangs on who includes it. */
const PARTIAL: TemplateName = 'prelude.sh.hbs';
/** `{{> prelude}}` is prelude.sh.hbs. */
const partialName = (name: string): string => name.replace(/(\.sh)?\.hbs$/, '');

const COMPILE = {
  strict: true,
  noEscape: true,
  knownHelpersOnly: true,
  knownHelpers: {
    helperMissing: false,
    blockHelperMissing: false,
    if: true,
    unless: true,
    each: true,
    with: true,
    log: false,
    lookup: false,
  },
  preventIndent: true,
} as const satisfies CompileOptions;

/**
 * The templates of one call: ours, with the user's in place of those that have the same name. A template is parsed and
 * checked before anything is rendered from it.
 */
export class TemplateSet {
  readonly #sources: ReadonlyMap<TemplateName, Source>;
  readonly #handlebars: typeof Handlebars;
  readonly #parsed = new Map<TemplateName, ParsedTemplate>();
  readonly #compiled = new Map<TemplateName, Compiled>();

  private constructor(sources: ReadonlyMap<TemplateName, Source>) {
    this.#sources = sources;
    // Our own environment: nothing that another module registers can be reached from a template, nor the other way round.
    this.#handlebars = Handlebars.create();
    for (const helper of ['log', 'lookup', 'helperMissing', 'blockHelperMissing'])
      this.#handlebars.unregisterHelper(helper);
  }

  /**
   * @param ours file name → text, of the package's folder; must have every template.
   * @param own the user's folder, or null.
   * @throws {GpuEvalError} `config` for a file of the user's that is no template of ours (with the near miss), and for
   * one that does not parse or asks for what it cannot have.
   */
  static from(ours: ReadonlyMap<string, string>, own: OwnTemplates | null): TemplateSet {
    for (const name of own?.files.keys() ?? []) {
      if (isTemplateName(name)) continue;
      const near = nearMiss(name, NAMES);
      throw new GpuEvalError('config', `${own?.dir}/${name} is not a template of gpu-eval's`, {
        why: `there are ${NAMES.join(', ')}`,
        hint: near === null ? 'give it one of these names, or take it out of the folder' : `did you mean ${near}?`,
      });
    }
    const sources = new Map<TemplateName, Source>();
    for (const name of NAMES) {
      const text = own?.files.get(name);
      const packaged = ours.get(name);
      if (text !== undefined) sources.set(name, { text, origin: `${own?.dir}/${name}`, isOwn: true });
      else if (packaged !== undefined) sources.set(name, { text: packaged, origin: 'gpu-eval', isOwn: false });
      else throw new GpuEvalError('bug', `the template ${name} is missing from the package`);
    }
    const set = new TemplateSet(sources);
    // The user's are checked at once, so that a mistake is told before anything is started: all, for a partial of theirs
    // is checked where it is included.
    if (own !== null) for (const name of NAMES) if (name !== PARTIAL) set.#compile(name);
    return set;
  }

  /**
   * The script that a template makes of these values. Callers give plain text: quoting happens here, and only here.
   * @throws {GpuEvalError} `config` for a value that is missing (with template, line and where it comes from), `usage`
   * for text that no command line can carry, `bug` for a value of another kind.
   */
  render<Name extends TemplateName>(name: Name, values: TemplateValues<Name>): string {
    const { needed, write } = this.#compile(name);
    const given: Readonly<Record<string, unknown>> = values;
    const schema: ValueSchema = TEMPLATE_VALUES[name];
    // A plain object, since Handlebars compares it loosely with words; its prototype is out of a template's reach twice
    // over: no such path passes the check, and the runtime is told to read own properties only.
    const context: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(schema)) {
      const value = Object.hasOwn(given, key) ? given[key] : undefined;
      if (value !== undefined) context[key] = toShell(name, key, entry, value);
      else {
        const need = needed.get(key);
        if (need !== undefined) throw missing(key, need);
      }
    }
    for (const key of Object.keys(given)) {
      if (Object.hasOwn(schema, key)) continue;
      const near = nearMiss(key, Object.keys(schema));
      throw new GpuEvalError(
        'bug',
        `template ${name} takes no value ${key}`,
        near === null ? {} : { hint: `did you mean ${near}?` },
      );
    }
    return write(context);
  }

  list(): readonly TemplateListing[] {
    return [...this.#sources].map(([name, { text, origin, isOwn }]) => ({
      name,
      origin,
      isOwn,
      source: text,
      values: Object.entries<ValueEntry>(TEMPLATE_VALUES[name]).map(([key, entry]) => ({ name: key, ...entry })),
    }));
  }

  #parse(name: TemplateName): ParsedTemplate {
    const known = this.#parsed.get(name);
    if (known !== undefined) return known;
    const { text, origin } = this.#sources.get(name) ?? { text: '', origin: '' };
    if (text.includes('\r')) {
      const line = text.slice(0, text.indexOf('\r')).split('\n').length;
      throw new GpuEvalError(
        'config',
        `template ${name}, line ${line}: it has carriage returns, which bash takes for text`,
        {
          why: `read from ${origin}`,
          hint: 'save it with Unix line endings',
        },
      );
    }
    let program: ReturnType<typeof Handlebars.parse>;
    try {
      program = this.#handlebars.parse(text);
    } catch (cause) {
      const told = cause instanceof Error ? cause.message : String(cause);
      const line = /line (\d+)/.exec(told)?.[1];
      const where = line === undefined ? name : `${name}, line ${line}`;
      throw new GpuEvalError('config', `template ${where}: this is not Handlebars`, {
        why: told.split('\n').slice(0, 4).join('\n'),
        hint: `read from ${origin}`,
        cause,
      });
    }
    const parsed = { name, origin, program };
    this.#parsed.set(name, parsed);
    return parsed;
  }

  #compile(name: TemplateName): Compiled {
    const known = this.#compiled.get(name);
    if (known !== undefined) return known;
    const all = new Map(NAMES.map((each) => [partialName(each), this.#parse(each)]));
    const needed = checkTemplate(this.#parse(name), TEMPLATE_VALUES[name], all);
    const template = this.#handlebars.compile<object>(this.#source(name), COMPILE);
    const partials: Record<string, Handlebars.Template> = Object.create(null);
    for (const each of NAMES) partials[partialName(each)] = this.#handlebars.compile(this.#source(each), COMPILE);
    const write = (context: object): string =>
      template(context, { partials, allowProtoPropertiesByDefault: false, allowProtoMethodsByDefault: false });
    const compiled = { needed, write };
    this.#compiled.set(name, compiled);
    return compiled;
  }

  #source(name: TemplateName): string {
    return this.#sources.get(name)?.text ?? '';
  }
}

/** What `gpu-eval templates` shows. */
export function listTemplates(templates: TemplateSet): readonly TemplateListing[] {
  return templates.list();
}

/** A value as the template's text gets it. Numbers become text, so that `{{#if}}` asks whether there is one, 0 included. */
function toShell(
  name: string,
  key: string,
  entry: ValueEntry,
  value: unknown,
): string | boolean | null | readonly string[] {
  if (value === null && entry.optional === true) return null;
  switch (entry.kind) {
    case 'word':
      if (typeof value === 'string') return quoteValue(key, entry, value);
      break;
    case 'words':
      if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
        return value.map((item) => quoteValue(key, entry, item));
      }
      break;
    case 'number':
      if (typeof value === 'number' && Number.isFinite(value)) return String(value);
      break;
    case 'flag':
      if (typeof value === 'boolean') return value;
      break;
  }
  const seen = Array.isArray(value)
    ? 'a list'
    : typeof value === 'number'
      ? String(value)
      : value === null
        ? 'null'
        : typeof value;
  throw new GpuEvalError('bug', `template ${name} wants ${key} to be a ${entry.kind}, and was given ${seen}`, {
    why: `${key}: ${entry.description} (from ${entry.from})`,
  });
}

function quoteValue(key: string, entry: ValueEntry, text: string): string {
  try {
    return quote(text);
  } catch (cause) {
    if (!(cause instanceof GpuEvalError)) throw cause;
    throw new GpuEvalError(cause.code, `${key} (from ${entry.from}): ${cause.message}`, {
      why: cause.why,
      hint: cause.hint,
      cause,
    });
  }
}

function missing(key: string, { template, line, entry }: NeededValue): GpuEvalError {
  return new GpuEvalError('config', `template ${template}, line ${line}: there is no value for ${key}`, {
    why: `${key} is ${entry.description}`,
    hint: `it comes from ${entry.from}`,
  });
}
