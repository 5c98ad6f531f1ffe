import { describe, expect, it } from 'vitest';
import { TemplateSet } from '../../../src/orchestration/plan/templates.ts';
import { ourTemplates } from './examples.ts';

const check = (text: string): TemplateSet =>
  TemplateSet.from(ourTemplates, { dir: '/own', files: new Map([['serve-vllm.sh.hbs', text]]) });

describe('a word is refused where its quotes would not be quotes', () => {
  it.each([
    ['echo "{{model}}"', 1, 'between double quotes'],
    ["echo\n echo '{{model}}'", 2, 'between single quotes'],
    ["echo $'{{model}}'", 1, "between $'"],
    ['echo a\n# for {{model}}\n', 2, 'in a comment'],
    ['echo a # {{model}}', 1, 'in a comment'],
    ['cat <<EOF\nx\n{{model}}\nEOF\n', 3, 'in a here-document'],
    ["cat <<-'E F'\n{{model}}\n\tE F\n", 2, 'in a here-document'],
    ['cat <<A <<B\nA\n{{model}}\nB\n', 3, 'in a here-document'],
    ['echo `cat {{model}}`', 1, 'between backticks'],
    ['echo "\u0024{x:-{{model}} }"', 1, 'inside a parameter expansion'],
    ['echo $(( 1 + {{model}} ))', 1, 'inside ((…))'],
    ['(( {{model}} ))', 1, 'inside ((…))'],
    ['echo \u0024{a[{{model}}]}', 1, 'inside a parameter expansion'],
    ['a[{{model}}]=1', 1, 'inside […]'],
    ['echo "$(echo "{{model}}")"', 1, 'between double quotes'],
    ['echo "$(echo \'x\'){{model}}"', 1, 'between double quotes'],
    ['eval {{model}}', 1, 'is handed to eval'],
    ['[[ {{model}} -eq 1 ]]', 1, 'is handed to [['],
    ['exec bash -c {{model}}', 1, 'stands behind -c'],
    ['exec bash {{#if tp}}-c{{/if}} {{model}}', 1, 'stands behind -c'],
    ['{{model}} --help', 1, 'begins a command'],
    ['if {{model}}; then :; fi', 1, 'begins a command'],
    ['x=1 {{model}}', 1, 'begins a command'],
    ['true; {{model}}', 1, 'begins a command'],
    ['true\n{{model}}', 2, 'begins a command'],
    ['echo "$({{model}})"', 1, 'begins a command'],
    ['echo \\\\{{model}}', 1, 'right behind a backslash'],
    ['echo \u0024{{{model}}}', 1, 'right behind a $'],
    ['echo ~{{model}}', 1, 'right behind a ~'],
    ['cat <<{{model}}\n', 1, 'the delimiter of this here-document'],
    ['echo "{{#if tp}}"{{/if}} x', 1, 'in one branch of this block only'],
    ['echo {{#each engineArgs}} "{{/each}}', 1, 'in one branch of this block only'],
    ['echo {{#each engineArgs}} {{this}} "{{@index}}{{/each}}"', 1, 'in one branch of this block only'],
    ['echo x{{#if tp}} {{/if}}# {{model}}', 1, 'whether this # begins a comment'],
    ['echo "a\nb', 1, 'is not closed'],
    ['echo $(\n', 1, 'is not closed'],
    ['cat <<EOF\nx\n', 2, 'is not closed'],
  ])('%j', (text, line, reason) => {
    expect(() => check(text)).toThrow(`template serve-vllm.sh.hbs, line ${line}: `);
    expect(() => check(text)).toThrow(reason);
  });
});

describe('a word is taken where it is one word', () => {
  it.each([
    'echo "a b" {{model}} \'c\' {{model}}',
    'echo "$(cat {{model}})" {{model}}',
    'echo "a $(echo "b" \'c\' $(cat {{model}}) "d") e" {{model}}',
    'x={{model}}; y=(a "b" {{model}}\n# it\'s a comment\n {{model}}); exec "$x"',
    'case {{model}} in\n  a) exec {{model}} ;;\n  *) command {{model}} ;;\nesac',
    'echo a#b {{model}} $# \u0024{#x} {{model}}',
    'cat <<E\n"\'`\nE\necho {{model}}',
    'cat <<< {{model}}',
    'f() { echo {{model}}; }',
    'if [ -f {{model}} ]; then echo "it\'s" {{model}}; fi',
    'for x in {{#each engineArgs}} {{this}}{{/each}}; do echo "$x"; done',
    "echo it\\'s {{model}} $'\\'' {{model}}",
    'echo --model={{model}} $((1 + 2)) {{model}}',
    'exec x{{#if tp}} {{tp}}{{/if}}{{#each engineArgs}} {{this}}{{/each}}',
    'exec x \\\n{{#if tp}}\n  --tp {{tp}} \\\n{{/if}}\n  {{model}}',
    '> {{model}} echo',
    '# {{port}} it\'s\necho "{{port}}" {{model}}',
    'arr[1]=2; echo "\u0024{arr[1]}" {{model}}',
    '(( x = 1 )); echo {{model}}',
  ])('%j', (text) => {
    expect(() => check(text)).not.toThrow();
  });
});
