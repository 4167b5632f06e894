import { faultKinds } from '../faults.ts'

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--ok:#0a7d3c;--bad:#b3261e}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line)}
td{white-space:pre-line}td.n{text-align:right;font-variant-numeric:tabular-nums}
label{display:inline-block;margin:.2rem 1rem .2rem 0}input[type=number],input[type=text]{width:8rem}
button,input,select{font:inherit;padding:.2rem .5rem}[role=status]{min-height:1.5rem}.bad{color:var(--bad)}.ok{color:var(--ok)}
`

/** What the page says, in both languages; the keys are the elements' data-t. */
const WORDS = {
  en: {
    title: 'The sandbox’s outside world',
    intro: 'Nothing here is real money. These are the simulated operators, seen from the other side.',
    settings: 'Settings of the Mojaloop adapter',
    phases: 'Phases',
    strict: 'Strict (refuses our transferId)',
    noise: 'Random extra properties',
    wedge: 'Blocks on two calls for one payee',
    v18: 'Parties as in version 18',
    party: 'Look-up, ms',
    quote: 'Quote, ms',
    transfer: 'Transfer, ms',
    timeout: 'Time limit of a step, s',
    save: 'Save',
    clock: 'Clock',
    advance: 'Move forward, s',
    go: 'Move',
    faults: 'Injected faults',
    kind: 'Fault',
    suffix: 'Numbers ending in',
    times: 'Times',
    hits: 'Struck',
    add: 'Inject',
    clear: 'Remove all',
    paid: 'Latest payments',
    when: 'When',
    what: 'Operation',
    who: 'Party',
    amount: 'Amount',
    reference: 'Reference',
    inbox: 'Messages received',
    channel: 'By',
    to: 'To',
    text: 'Text',
    none: 'Nothing yet.',
    done: 'Done.',
  },
  fr: {
    title: 'Le monde extérieur du bac à sable',
    intro: 'Rien ici n’est de l’argent réel. Ce sont les opérateurs simulés, vus de l’autre côté.',
    settings: 'Réglages de l’adaptateur Mojaloop',
    phases: 'Phases',
    strict: 'Strict (refuse notre transferId)',
    noise: 'Propriétés supplémentaires au hasard',
    wedge: 'Se bloque à deux appels pour un bénéficiaire',
    v18: 'Parties comme en version 18',
    party: 'Recherche, ms',
    quote: 'Devis, ms',
    transfer: 'Transfert, ms',
    timeout: 'Délai d’une étape, s',
    save: 'Enregistrer',
    clock: 'Horloge',
    advance: 'Avancer de, s',
    go: 'Avancer',
    faults: 'Pannes injectées',
    kind: 'Panne',
    suffix: 'Numéros finissant par',
    times: 'Fois',
    hits: 'Survenue',
    add: 'Injecter',
    clear: 'Tout retirer',
    paid: 'Derniers paiements',
    when: 'Quand',
    what: 'Opération',
    who: 'Partie',
    amount: 'Montant',
    reference: 'Référence',
    inbox: 'Messages reçus',
    channel: 'Par',
    to: 'À',
    text: 'Texte',
    none: 'Rien pour l’instant.',
    done: 'Fait.',
  },
}

// Plain DOM calls and textContent only: a party's name or a reference can never become markup.
const SCRIPT = `
const words=${JSON.stringify(WORDS)};
let lang=(navigator.language||'fr').startsWith('en')?'en':'fr';
const $=id=>document.getElementById(id);
const t=key=>words[lang][key]||key;
function label(){document.documentElement.lang=lang;for(const e of document.querySelectorAll('[data-t]'))e.textContent=t(e.dataset.t);$('lang').textContent=lang==='fr'?'English':'Français'}
function say(text,bad){$('status').textContent=text;$('status').className=bad?'bad':'ok'}
async function call(method,path,body){const r=await fetch('/_sim/'+path,{method,headers:{'content-type':'application/json','accept-language':lang},body:body===undefined?undefined:JSON.stringify(body)});const j=await r.json();if(!r.ok)throw new Error(j.detail||j.title);return j}
function row(table,cells,numeric){const tr=document.createElement('tr');cells.forEach((c,i)=>{const td=document.createElement('td');td.textContent=c;if(i===numeric)td.className='n';tr.append(td)});table.append(tr)}
async function act(work){try{await work();say(t('done'))}catch(e){say(e.message,true)}await show()}
async function fill(){const s=(await call('GET','settings')).mojaloop;$('phases').value=s.phases;for(const k of ['strict','noise','wedge'])$(k).checked=s[k];$('v18').checked=s.v18_parties;for(const k of ['party','quote','transfer'])$(k).value=s.latency_ms[k];$('timeout').value=s.timeout_s}
async function show(){
const [p,f,c,m]=await Promise.all([call('GET','latest'),call('GET','faults'),call('GET','clock'),call('GET','inbox')]);
$('now').textContent=new Date(c.now).toLocaleString(lang);
$('paid').replaceChildren();for(const x of p.payments)row($('paid'),[new Date(x.at).toLocaleString(lang),x.operation,x.party,x.amount.toLocaleString(lang)+' '+x.currency,x.reference],3);
$('nopaid').hidden=p.payments.length>0;
$('inbox').replaceChildren();for(const x of m.messages.slice(0,20))row($('inbox'),[new Date(x.at).toLocaleString(lang),x.kind,x.to,x.text]);
$('noinbox').hidden=m.messages.length>0;
$('faults').replaceChildren();for(const x of f.faults)row($('faults'),[x.kind,x.suffix||'',x.times||'∞',x.hits],3)}
$('lang').onclick=()=>{lang=lang==='fr'?'en':'fr';label();show()};
$('fsettings').onsubmit=e=>{e.preventDefault();act(()=>call('PUT','settings',{mojaloop:{phases:+$('phases').value,strict:$('strict').checked,noise:$('noise').checked,wedge:$('wedge').checked,v18_parties:$('v18').checked,latency_ms:{party:+$('party').value,quote:+$('quote').value,transfer:+$('transfer').value},timeout_s:+$('timeout').value}}))};
$('fclock').onsubmit=e=>{e.preventDefault();act(()=>call('POST','clock',{advance_s:+$('advance').value}))};
$('ffaults').onsubmit=e=>{e.preventDefault();const body={rail:'mojaloop',kind:$('kind').value};if($('suffix').value)body.suffix=$('suffix').value;if($('times').value)body.times=+$('times').value;act(()=>call('POST','faults',body))};
$('clear').onclick=()=>act(()=>call('DELETE','faults'));
label();fill().then(show).catch(e=>say(e.message,true));setInterval(()=>{show().catch(()=>undefined)},3000);
`

const field = (id: string, type: string, more = ''): string =>
  `<label><span data-t="${id}"></span> <input id="${id}" type="${type}" ${more}></label>`

/** The control page: settings, faults, clock and latest payments, in French and English, with nothing from elsewhere. */
export const PAGE_HTML = `<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Cauri · simulateurs</title><style>${STYLE}</style></head><body>
<button id="lang" type="button"></button>
<h1 data-t="title"></h1><p data-t="intro"></p><p id="status" role="status"></p>
<h2 data-t="settings"></h2>
<form id="fsettings">
<label><span data-t="phases"></span> <select id="phases"><option>1</option><option>2</option></select></label>
${field('strict', 'checkbox')}${field('noise', 'checkbox')}${field('wedge', 'checkbox')}${field('v18', 'checkbox')}<br>
${field('party', 'number', 'min="0"')}${field('quote', 'number', 'min="0"')}${field('transfer', 'number', 'min="0"')}${field('timeout', 'number', 'min="0.001" step="any"')}
<button data-t="save"></button></form>
<h2 data-t="clock"></h2>
<form id="fclock"><output id="now"></output> ${field('advance', 'number', 'min="1" value="60"')}<button data-t="go"></button></form>
<h2 data-t="faults"></h2>
<form id="ffaults"><label><span data-t="kind"></span> <input id="kind" type="text" list="kinds" required></label>
<datalist id="kinds">${faultKinds.map((kind) => `<option value="${kind}">`).join('')}</datalist>
${field('suffix', 'text')}${field('times', 'number', 'min="1"')}<button data-t="add"></button> <button id="clear" type="button" data-t="clear"></button></form>
<table><thead><tr><th data-t="kind"></th><th data-t="suffix"></th><th data-t="times"></th><th data-t="hits"></th></tr></thead><tbody id="faults"></tbody></table>
<h2 data-t="paid"></h2>
<table><thead><tr><th data-t="when"></th><th data-t="what"></th><th data-t="who"></th><th data-t="amount"></th><th data-t="reference"></th></tr></thead><tbody id="paid"></tbody></table>
<p id="nopaid" data-t="none" hidden></p>
<h2 data-t="inbox"></h2>
<table><thead><tr><th data-t="when"></th><th data-t="channel"></th><th data-t="to"></th><th data-t="text"></th></tr></thead><tbody id="inbox"></tbody></table>
<p id="noinbox" data-t="none" hidden></p>
<script>${SCRIPT}</script></body></html>
`
