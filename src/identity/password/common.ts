/**
 * Passwords that guessers try first: some 20,000, made when they are first needed, of words that head the well-known lists of leaked
 * passwords (English, French, names, clubs, towns and words of our countries) and of what people add to them. Only those
 * of eight characters and more are kept, since shorter ones are refused anyway.
 */
const WORDS = `
password passwort passw0rd pass motdepasse mdp secret admin administrator root user utilisateur welcome bienvenue login letmein
qwerty azerty qwertz qwertyuiop azertyuiop asdfgh asdfghjkl qsdfgh qsdfghjklm zxcvbn zxcvbnm wxcvbn qazwsx azeqsd 1q2w3e 1q2w3e4r
1qaz2wsx 1a2z3e q1w2e3r4 a1z2e3r4 abc abcd abcdef abcdefg abcdefgh aaaa aaaaaa test testing temp demo guest invite default changeme
changeit monkey dragon master shadow sunshine soleil princess princesse football baseball superman batman spiderman iloveyou jetaime
loveyou lovely loulou doudou bonjour bonsoir coucou salut hello chocolat chocolate cookie flower fleur butterfly papillon angel ange
trustno1 whatever freedom liberte computer ordinateur internet windows samsung iphone nokia huawei tecno infinix itel android google
facebook whatsapp telegram instagram tiktok youtube gmail yahoo hotmail orange mtn mtnmoney momo mobilemoney orangemoney wave moov airtel
cameroun cameroon douala yaounde bafoussam bamenda garoua maroua kribi limbe buea ngaoundere bertoua ebolowa togo lome kara sokode
benin cotonou portonovo parakou senegal dakar thies touba saintlouis cotedivoire abidjan bouake yamoussoukro korhogo mali bamako sikasso
burkina ouagadougou bobodioulasso niger niamey zinder maradi tchad ndjamena moundou gabon libreville portgentil congo brazzaville
pointenoire kinshasa lubumbashi centrafrique bangui guinee conakry bissau nigeria lagos abuja kano ghana accra kumasi afrique africa
lions lionsindomptables indomptable etoo samueletoo eto milla rogermilla drogba mane sadiomane salah aboubakar onana mbappe ronaldo messi
neymar zidane barcelona barcelone realmadrid madrid chelsea arsenal liverpool manchester juventus milan psg marseille bayern champion
champions jesus jesuschrist christ dieu dieumerci dieuestbon godisgood god lord seigneur allah allahakbar bismillah mohamed mohammed
muhammad mamadou moussa ibrahim ousmane abdou abdoulaye amadou aminata fatou fatima fatoumata mariam mariama aissatou aicha khadija awa
jean jeanne pierre paul jacques marie mariejeanne joseph josephine emmanuel emmanuelle daniel danielle david michel michele martin
martine thomas nicolas patrick patricia christian christine christelle chantal carine nadege sandrine stephane stephanie serge eric
francois francoise france andre andree alain albert alice antoine bernard bertrand brigitte catherine cecile celine charles claude
claudine clement damien denis didier dominique edouard elise elisabeth ernest esther eugene fabrice felix florence frank gabriel
georges gerard gilbert grace guillaume gustave guy helene henri herve honore isabelle jacqueline jerome joel jonathan jordan jules
julie julien justin karim kevin laurent leon linda louis louise luc lucas lucie madeleine marcel marc margaret marguerite marthe mathieu
maurice mireille monique nadine nathalie noel olivier pascal pauline philippe prince prisca rachel raphael raymond rebecca regine rene
richard robert roger romain rose roland ruth sabine samuel sarah simon solange sophie suzanne sylvain sylvie thierry therese valerie
veronique victor victoire vincent viviane william xavier yann yves yvonne zacharie michael jennifer jessica ashley amanda andrew anthony
benjamin brandon brian charlie chris daniela diana edward elizabeth george harley hannah hunter jackson james jasmine john johnny
joshua justinbieber katie kelly laura lauren maggie matthew melissa mickey nicole oliver patrickk peter rachelle robin ryan sebastian
steven susan taylor tigger tiger tyler maman papa mama mamanjetaime mapetite mafille monfils famille family bebe baby babygirl cherie
cheri chouchou amour monamour amitie amie ami friend friends love lover money argent richesse riche million millionnaire millionaire
banque bank compte account tontine njangi marche market commerce vendeur acheteur buyer seller caisse tresor tresorier comptable finance
paiement payment transfert transfer virement salaire pension retraite entreprise company societe bureau office travail ecole school lycee
college universite student etudiant professeur teacher docteur doctor medecin infirmier police gendarme soldat general president
ministre patron patronne boss chef bigboss king queen roi reine star superstar rockstar killer hacker ninja matrix pokemon naruto sasuke
goku minecraft fortnite freefire callofduty playstation xbox nintendo starwars starwar harrypotter hellokitty tweety snoopy mustang
ferrari porsche mercedes toyota corolla yamaha bmw honda lexus peugeot renault summer winter spring autumn ete hiver printemps automne
january february march april june july august september october november december janvier fevrier mars avril juin juillet aout septembre
octobre novembre decembre monday tuesday wednesday thursday friday saturday sunday lundi mardi mercredi jeudi vendredi samedi dimanche
banana banane mangue ananas avocat pepper poivre ginger gingembre coffee cafe bière biere guinness castel beaufort heineken cocacola
diamond diamant silver golden purple yellow orangejuice red blue green black white rouge bleu vert noir blanc rainbow thunder phoenix
falcon eagle aigle lion lionne panther panthere elephant gorilla gorille leopard crocodile serpent poisson dolphin dauphin chicken poulet
kitten chaton puppy chien chat dog cat rabbit lapin cheval horse peace paix faith foi hope espoir esperance charity charite blessing
benediction miracle gloire glory victory victoria success succes lucky chance bonnechance courage force power pouvoir victoire
cauri cowrie cowries escrow sequestre arbitre server serveur database postgres oracle linux ubuntu debian network reseau wifi router cisco
`

const ADDED = `1 2 3 7 9 11 12 13 21 22 23 33 69 77 99 00 01 07 10 88 100 123 321 111 007 777 237 221 225 228 229 1234 12345 123456 1234567
12345678 123456789 1990 1995 1998 1999 2000 2001 2005 2010 2015 2018 2019 2020 2021 2022 2023 2024 2025 2026 2027 ! !! 1! 12! 123! 1234!
@ @1 @12 @123 @1234 @237 @2023 @2024 @2025 @2026 # #1 #123 . .123 * ** $ _1 _123 237! 2024! 2025! 2026!`

const ALONE = `
12345678 123456789 1234567890 12345678910 0123456789 9876543210 987654321 87654321 123123123 123123 12341234 11223344 1122334455 112233445566 147258369
159357258 147852369 789456123 741852963 963852741 159753258 123654789 14725836 10203040 1020304050 12121212 13131313 69696969 23232323
00000000 000000000 0000000000 99999999 11111111111 1234554321 12344321 123321123 102030405060 01234567 012345678 12345678900
q1w2e3r4t5 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc qazwsxedc qazwsxedcrfv zaq12wsx !qaz2wsx 1qazxsw2 a1b2c3d4 a1b2c3d4e5 abcd1234 abc12345
abc123456 abc123abc asdf1234 asdfasdf asdfghjk qwer1234 qwerqwer qwertyui qweasdzxc qwe123qwe azer1234 azertyui azeqsdwxc aze123aze
zxcv1234 wxcv1234 aqwzsxedc aqwzsx123 poiuytrewq lkjhgfdsa mnbvcxz1 trustnoone letmein1 letmeinplease opensesame sesameouvretoi
correcthorsebatterystaple thisisapassword mypassword monmotdepasse lemotdepasse unmotdepasse motdepasse123 nouveaumotdepasse newpassword
iloveyou1 iloveyouso jetaimefort passpass testtest adminadmin rootroot useruser lovelove mamamama papapapa babababa dadadada`

let made: ReadonlySet<string> | undefined

/** Every password of the list, in lower case; of at least eight characters. */
export const commonPasswords = (): ReadonlySet<string> => (made ??= makeList())

function makeList(): ReadonlySet<string> {
  const list = new Set<string>()
  const keep = (password: string): void => {
    if (password.length >= 8) list.add(password)
  }
  for (const password of wordsOf(ALONE)) keep(password)
  for (let digit = 0; digit <= 9; digit++)
    for (const times of [8, 9, 10, 12]) keep(String(digit).repeat(times))
  const added = wordsOf(ADDED)
  for (const word of wordsOf(WORDS))
    for (const spelling of new Set([word, disguised(word)])) {
      keep(spelling)
      keep(spelling + spelling)
      for (const more of added) keep(spelling + more)
    }
  return list
}

const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')

/** As people believe that they disguise it: p@ssw0rd. */
const disguised = (word: string): string =>
  word.replaceAll('a', '@').replaceAll('o', '0').replaceAll('e', '3').replaceAll('i', '1')

/** Whether it is on the list, or no more than what everybody knows of that person. Case does not matter. */
export function isCommonPassword(password: string, known: readonly (string | null | undefined)[]): boolean {
  const tried = password.normalize('NFKC').toLowerCase()
  if (commonPasswords().has(tried)) return true
  return known.some((fact) => fact !== null && fact !== undefined && tried === fact.toLowerCase())
}
